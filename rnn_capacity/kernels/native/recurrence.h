// One layer of K networks over time, forward and backward, for a loss that the caller computes.
//
// The backward pass runs the layer forward again, tile by tile, which takes less time than to write all activations to
// memory and to read them back.
#pragma once

#include <algorithm>
#include <deque>
#include <new>

#include "layer.h"
#include "threads.h"

extern "C" {

// A layer of K networks. A network's parameters are a row of `parameters` numbers: those of the layer, then those of
// the readout and the constant input at their places (-1: none). Other arrays have the batch as their last dimension.
struct Recurrence {
    LayerPlaces layer;
    int64_t cell, activation, units, outputs, steps, times, warmup, after;
    int64_t readout_weight, readout_bias, constant, parameters, networks, batch;
    const void* values;
    const void* sequence;    // (times, K or 1, inputs, batch), or null where the input is
    const int64_t* indices;  // (times, K or 1, batch, ones): the places of ones among zeros
    int64_t ones, shared;    // shared: 1 where all networks read the same samples
    void* results;           // (steps - warmup, K, outputs, batch)
    const void* grad_results;
    void* grad_values;    // (K, parameters)
    void* grad_sequence;  // (times, K, inputs, batch), or null
};
}

namespace {

template <class S, class Cell>
class Runner {
    static constexpr int L = LANES<S>;

    const Recurrence& recurrence;
    const int n, inputs, rows, results, scored;
    const size_t frame, gate_row, result_row;
    Places places;
    Layer<S, Cell> layer;
    Buffer<S> frames, start, table, result, grad_output, no_offsets;
    size_t readout_sums, readout_bias_sums, table_sums;
    const S* values = nullptr;
    int64_t network = -1;

 public:
    explicit Runner(const Recurrence& recurrence)
        : recurrence(recurrence),
          n(recurrence.units),
          inputs(recurrence.layer.inputs),
          rows(Cell::gates * n),
          results(recurrence.outputs),
          scored(recurrence.steps - recurrence.warmup),
          frame(size_t(inputs) * L),
          gate_row(size_t(rows) * L),
          result_row(size_t(results) * L),
          layer(recurrence.layer, n, recurrence.activation, recurrence.steps, recurrence.times, After(recurrence.after),
                places) {
        readout_sums = places.take(reads() ? blocks_of(results, n) * OUTER_SIZE : 0);
        readout_bias_sums = places.take(reads() ? padded(results) : 0);
        table_sums = places.take(recurrence.indices ? padded(inputs * rows) : 0);
        no_offsets.resize(rows), grad_output.resize(scored * n * L), result.resize(scored * result_row);
        if (recurrence.indices)
            start.resize(recurrence.times * gate_row), table.resize(inputs * rows);
        else
            frames.resize(recurrence.times * frame);
    }

    size_t sums_size() const { return places.size; }

    // Points at the parameters of a network, which must outlive the call, and computes what all its samples share.
    void prepare(int64_t one) {
        if (network == one) return;
        network = one;
        values = static_cast<const S*>(recurrence.values) + one * recurrence.parameters;
        layer.prepare(values, no_offsets, recurrence.constant < 0 ? nullptr : values + recurrence.constant);
        if (recurrence.indices)
            for (int i = 0; i < rows; i++)
                for (int j = 0; j < inputs; j++) table[j * rows + i] = values[recurrence.layer.input + i * inputs + j];
    }

    void forward(int64_t first) {
        read_input(first);
        layer.forward(frames, frame, recurrence.indices ? static_cast<S*>(start) : nullptr);
        const int lanes = lanes_from(first);
        for (int s = 0; s < scored; s++) {
            const S* from = layer.output(recurrence.warmup + s);
            if (reads()) {
                const Product<S> one{values + recurrence.readout_weight, n, 1, from, n};
                multiply<S>(result, results, values + recurrence.readout_bias, nullptr, &one, 1);
                from = result;
            }
            copy_out(static_cast<S*>(recurrence.results) + place(s, network, recurrence.networks, results, first), from,
                     results, lanes);
        }
    }

    // Adds the gradient of a tile's samples to `sums`.
    void backward(int64_t first, S* sums) {
        read_input(first);
        const S* begin = recurrence.indices ? static_cast<S*>(start) : nullptr;
        layer.forward(frames, frame, begin);
        const int lanes = lanes_from(first);
        S* grad_result = reads() ? result : grad_output;
        for (int s = 0; s < scored; s++)
            copy_in(
                grad_result + s * result_row,
                static_cast<const S*>(recurrence.grad_results) + place(s, network, recurrence.networks, results, first),
                results, lanes);
        if (reads()) {
            outer<S>(sums + readout_sums, result, result_row, layer.output(recurrence.warmup), layer.output_step(),
                     scored, results, n);
            add_row_sums<S>(sums + readout_bias_sums, result, results, result_row, scored);
            for (int s = 0; s < scored; s++) {
                const Product<S> one{values + recurrence.readout_weight, 1, n, result + s * result_row, results};
                multiply<S>(grad_output + s * n * L, n, nullptr, nullptr, &one, 1);
            }
        }
        layer.backward(recurrence.indices ? nullptr : static_cast<S*>(frames), frame, grad_output, recurrence.warmup,
                       sums, nullptr, begin);
        if (recurrence.indices)
            add_to_table(first, lanes, sums + table_sums);
        else if (recurrence.grad_sequence)
            for (int t = 0; t < recurrence.times; t++) {
                layer.frame_gradient(t, layer.gate_gradient(t), frames + t * frame);
                copy_out(
                    static_cast<S*>(recurrence.grad_sequence) + place(t, network, recurrence.networks, inputs, first),
                    frames + t * frame, inputs, lanes);
            }
    }

    // Computes the gradient of a network's parameters from the sums over all its samples.
    void finish(int64_t one, const S* sums) {
        prepare(one);
        S* gradient = static_cast<S*>(recurrence.grad_values) + one * recurrence.parameters;
        std::memset(gradient, 0, recurrence.parameters * sizeof(S));
        layer.finish(sums, gradient, recurrence.constant < 0 ? nullptr : gradient + recurrence.constant);
        if (recurrence.indices)
            for (int i = 0; i < rows; i++)
                for (int j = 0; j < inputs; j++)
                    gradient[recurrence.layer.input + i * inputs + j] = sums[table_sums + j * rows + i];
        if (!reads()) return;
        add_blocks<S>(gradient + recurrence.readout_weight, n, sums + readout_sums, results, n);
        for (int i = 0; i < results; i++) gradient[recurrence.readout_bias + i] = sums[readout_bias_sums + i];
    }

 private:
    bool reads() const { return recurrence.readout_weight >= 0; }
    int lanes_from(int64_t first) const { return int(std::min<int64_t>(L, recurrence.batch - first)); }

    // Address of sample `first` of a network in an array (time, networks, rows, batch).
    size_t place(int64_t time, int64_t one, int64_t networks, int64_t count, int64_t first) const {
        return size_t((time * networks + one) * count * recurrence.batch + first);
    }

    void copy_in(S* to, const S* from, int count, int lanes) const {
        for (int i = 0; i < count; i++) {
            std::memcpy(to + i * L, from + i * recurrence.batch, lanes * sizeof(S));
            std::fill(to + i * L + lanes, to + (i + 1) * L, S(0));
        }
    }

    void copy_out(S* to, const S* from, int count, int lanes) const {
        for (int i = 0; i < count; i++) std::memcpy(to + i * recurrence.batch, from + i * L, lanes * sizeof(S));
    }

    const int64_t* indices_of(int t, int64_t first) const {
        const int64_t networks = recurrence.shared ? 1 : recurrence.networks, own = recurrence.shared ? 0 : network;
        return recurrence.indices + ((t * networks + own) * recurrence.batch + first) * recurrence.ones;
    }

    void read_input(int64_t first) {
        const int lanes = lanes_from(first);
        if (!recurrence.indices) {
            const int64_t networks = recurrence.shared ? 1 : recurrence.networks, own = recurrence.shared ? 0 : network;
            const S* from = static_cast<const S*>(recurrence.sequence);
            for (int t = 0; t < recurrence.times; t++)
                copy_in(frames + t * frame, from + place(t, own, networks, inputs, first), inputs, lanes);
            return;
        }
        for (int t = 0; t < recurrence.times; t++) {
            const int64_t* index = indices_of(t, first);
            const S* bias = layer.bias_of_frames(t);
            S* to = start + t * gate_row;
            for (int lane = 0; lane < lanes; lane++, index += recurrence.ones)
                for (int i = 0; i < rows; i++) {
                    S sum = bias[i];
                    for (int k = 0; k < recurrence.ones; k++) sum += table[index[k] * rows + i];
                    to[i * L + lane] = sum;
                }
            // what another network left in the lanes without a sample may be NaN, which zero gradients do not remove
            for (int i = 0; i < rows; i++) std::fill(to + i * L + lanes, to + (i + 1) * L, S(0));
        }
    }

    void add_to_table(int64_t first, int lanes, S* sums) const {
        for (int t = 0; t < recurrence.times; t++) {
            const int64_t* index = indices_of(t, first);
            const S* gradient = layer.gate_gradient(t);
            for (int lane = 0; lane < lanes; lane++)
                for (int k = 0; k < recurrence.ones; k++, index++)
                    for (int i = 0; i < rows; i++) sums[*index * rows + i] += gradient[i * L + lane];
        }
    }
};

template <class S, class Cell>
void run_cell(const Recurrence& recurrence, bool backward, int workers) {
    constexpr int64_t SLICE = SLICE_TILES * LANES<S>;
    const int64_t slices = (recurrence.batch + SLICE - 1) / SLICE, parts = recurrence.networks * slices;
    // all memory is allocated here: an error in a worker's thread would end the process
    std::deque<Runner<S, Cell>> runners;
    for (int worker = 0; worker < workers; worker++) runners.emplace_back(recurrence);
    const size_t size = runners[0].sums_size();
    Buffer<S> sums(backward ? size * parts : 0);
    std::atomic<int64_t> next{0}, next_network{0};
    Barrier barrier(workers);
    in_parallel(workers, [&](int worker) {
        Runner<S, Cell>& runner = runners[worker];
        for (int64_t part; (part = next.fetch_add(1)) < parts;) {
            runner.prepare(part / slices);
            const int64_t begin = part % slices * SLICE, end = std::min(recurrence.batch, begin + SLICE);
            for (int64_t first = begin; first < end; first += LANES<S>)
                if (backward)
                    runner.backward(first, sums + part * size);
                else
                    runner.forward(first);
        }
        if (!backward) return;
        barrier.wait();
        for (int64_t network; (network = next_network.fetch_add(1)) < recurrence.networks;) {
            S* total = sums + network * slices * size;
            for (int64_t slice = 1; slice < slices; slice++)
                for (size_t i = 0; i < size; i++) total[i] += total[slice * size + i];
            runner.finish(network, total);
        }
    });
}

template <class S>
int run(const Recurrence& recurrence, bool backward, int workers) {
    try {
        return with_cell<S>(recurrence.cell, [&](auto cell) {
            run_cell<S, typename decltype(cell)::type>(recurrence, backward, workers);
        });
    } catch (const std::bad_alloc&) {
        return OUT_OF_MEMORY;
    } catch (const std::system_error&) {
        return NO_THREADS;
    }
}

}  // namespace

extern "C" {

int recurrence_float(const Recurrence* recurrence, int64_t backward, int64_t workers) {
    return run<float>(*recurrence, backward != 0, int(workers));
}

int recurrence_double(const Recurrence* recurrence, int64_t backward, int64_t workers) {
    return run<double>(*recurrence, backward != 0, int(workers));
}
}
