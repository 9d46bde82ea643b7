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

    const Recurrence& given;
    const int n, inputs, rows, results, scored;
    const size_t frame, gate_row, result_row;
    Places places;
    Layer<S, Cell> layer;
    Buffer<S> frames, start, table, result, grad_output, no_offsets;
    size_t readout_sums, readout_bias_sums, table_sums;
    const S* values = nullptr;
    int64_t network = -1;

 public:
    explicit Runner(const Recurrence& given)
        : given(given),
          n(given.units),
          inputs(given.layer.inputs),
          rows(Cell::gates * n),
          results(given.outputs),
          scored(given.steps - given.warmup),
          frame(size_t(inputs) * L),
          gate_row(size_t(rows) * L),
          result_row(size_t(results) * L),
          layer(given.layer, n, given.activation, given.steps, given.times, After(given.after), places) {
        readout_sums = places.take(reads() ? blocks_of(results, n) * OUTER_SIZE : 0);
        readout_bias_sums = places.take(reads() ? padded(results) : 0);
        table_sums = places.take(given.indices ? padded(inputs * rows) : 0);
        no_offsets.resize(rows), grad_output.resize(scored * n * L), result.resize(scored * result_row);
        if (given.indices)
            start.resize(given.times * gate_row), table.resize(inputs * rows);
        else
            frames.resize(given.times * frame);
    }

    size_t sums_size() const { return places.size; }

    // Points at the parameters of a network, which must outlive the call, and computes what all its samples share.
    void prepare(int64_t one) {
        if (network == one) return;
        network = one;
        values = static_cast<const S*>(given.values) + one * given.parameters;
        layer.prepare(values, no_offsets, given.constant < 0 ? nullptr : values + given.constant);
        if (given.indices)
            for (int i = 0; i < rows; i++)
                for (int j = 0; j < inputs; j++) table[j * rows + i] = values[given.layer.input + i * inputs + j];
    }

    void forward(int64_t first) {
        read_input(first);
        layer.forward(frames, frame, given.indices ? static_cast<S*>(start) : nullptr);
        const int lanes = lanes_from(first);
        for (int s = 0; s < scored; s++) {
            const S* from = layer.output(given.warmup + s);
            if (reads()) {
                const Product<S> one{values + given.readout_weight, n, 1, from, n};
                multiply<S>(result, results, values + given.readout_bias, nullptr, &one, 1);
                from = result;
            }
            copy_out(static_cast<S*>(given.results) + place(s, network, given.networks, results, first), from, results,
                     lanes);
        }
    }

    // Adds the gradient of a tile's samples to `sums`.
    void backward(int64_t first, S* sums) {
        read_input(first);
        const S* begin = given.indices ? static_cast<S*>(start) : nullptr;
        layer.forward(frames, frame, begin);
        const int lanes = lanes_from(first);
        S* grad_result = reads() ? result : grad_output;
        for (int s = 0; s < scored; s++)
            copy_in(grad_result + s * result_row,
                    static_cast<const S*>(given.grad_results) + place(s, network, given.networks, results, first),
                    results, lanes);
        if (reads()) {
            outer<S>(sums + readout_sums, result, result_row, layer.output(given.warmup), layer.output_step(), scored,
                     results, n);
            add_row_sums<S>(sums + readout_bias_sums, result, results, result_row, scored);
            for (int s = 0; s < scored; s++) {
                const Product<S> one{values + given.readout_weight, 1, n, result + s * result_row, results};
                multiply<S>(grad_output + s * n * L, n, nullptr, nullptr, &one, 1);
            }
        }
        layer.backward(given.indices ? nullptr : static_cast<S*>(frames), frame, grad_output, given.warmup, sums,
                       nullptr, begin);
        if (given.indices)
            add_to_table(first, lanes, sums + table_sums);
        else if (given.grad_sequence)
            for (int t = 0; t < given.times; t++) {
                layer.frame_gradient(t, layer.gate_gradient(t), frames + t * frame);
                copy_out(static_cast<S*>(given.grad_sequence) + place(t, network, given.networks, inputs, first),
                         frames + t * frame, inputs, lanes);
            }
    }

    // Computes the gradient of a network's parameters from the sums over all its samples.
    void finish(int64_t one, const S* sums) {
        prepare(one);
        S* gradient = static_cast<S*>(given.grad_values) + one * given.parameters;
        std::memset(gradient, 0, given.parameters * sizeof(S));
        layer.finish(sums, gradient, given.constant < 0 ? nullptr : gradient + given.constant);
        if (given.indices)
            for (int i = 0; i < rows; i++)
                for (int j = 0; j < inputs; j++)
                    gradient[given.layer.input + i * inputs + j] = sums[table_sums + j * rows + i];
        if (!reads()) return;
        add_blocks<S>(gradient + given.readout_weight, n, sums + readout_sums, results, n);
        for (int i = 0; i < results; i++) gradient[given.readout_bias + i] = sums[readout_bias_sums + i];
    }

 private:
    bool reads() const { return given.readout_weight >= 0; }
    int lanes_from(int64_t first) const { return int(std::min<int64_t>(L, given.batch - first)); }

    // Address of sample `first` of a network in an array (time, networks, rows, batch).
    size_t place(int64_t time, int64_t one, int64_t networks, int64_t count, int64_t first) const {
        return size_t((time * networks + one) * count * given.batch + first);
    }

    void copy_in(S* to, const S* from, int count, int lanes) const {
        for (int i = 0; i < count; i++) {
            std::memcpy(to + i * L, from + i * given.batch, lanes * sizeof(S));
            std::fill(to + i * L + lanes, to + (i + 1) * L, S(0));
        }
    }

    void copy_out(S* to, const S* from, int count, int lanes) const {
        for (int i = 0; i < count; i++) std::memcpy(to + i * given.batch, from + i * L, lanes * sizeof(S));
    }

    const int64_t* indices_of(int t, int64_t first) const {
        const int64_t networks = given.shared ? 1 : given.networks, own = given.shared ? 0 : network;
        return given.indices + ((t * networks + own) * given.batch + first) * given.ones;
    }

    void read_input(int64_t first) {
        const int lanes = lanes_from(first);
        if (!given.indices) {
            const int64_t networks = given.shared ? 1 : given.networks, own = given.shared ? 0 : network;
            const S* from = static_cast<const S*>(given.sequence);
            for (int t = 0; t < given.times; t++)
                copy_in(frames + t * frame, from + place(t, own, networks, inputs, first), inputs, lanes);
            return;
        }
        for (int t = 0; t < given.times; t++) {
            const int64_t* index = indices_of(t, first);
            const S* bias = layer.bias_of_frames(t);
            S* to = start + t * gate_row;
            for (int lane = 0; lane < lanes; lane++, index += given.ones)
                for (int i = 0; i < rows; i++) {
                    S sum = bias[i];
                    for (int k = 0; k < given.ones; k++) sum += table[index[k] * rows + i];
                    to[i * L + lane] = sum;
                }
            // what another network left in the lanes without a sample may be NaN, which zero gradients do not remove
            for (int i = 0; i < rows; i++) std::fill(to + i * L + lanes, to + (i + 1) * L, S(0));
        }
    }

    void add_to_table(int64_t first, int lanes, S* sums) const {
        for (int t = 0; t < given.times; t++) {
            const int64_t* index = indices_of(t, first);
            const S* gradient = layer.gate_gradient(t);
            for (int lane = 0; lane < lanes; lane++)
                for (int k = 0; k < given.ones; k++, index++)
                    for (int i = 0; i < rows; i++) sums[*index * rows + i] += gradient[i * L + lane];
        }
    }
};

template <class S, class Cell>
void run_cell(const Recurrence& given, bool backward, int workers) {
    constexpr int64_t SLICE = SLICE_TILES * LANES<S>;
    const int64_t slices = (given.batch + SLICE - 1) / SLICE, parts = given.networks * slices;
    // all memory is allocated here: an error in a worker's thread would end the process
    std::deque<Runner<S, Cell>> runners;
    for (int worker = 0; worker < workers; worker++) runners.emplace_back(given);
    const size_t size = runners[0].sums_size();
    Buffer<S> sums(backward ? size * parts : 0);
    std::atomic<int64_t> next{0}, next_network{0};
    Barrier barrier(workers);
    in_parallel(workers, [&](int worker) {
        Runner<S, Cell>& runner = runners[worker];
        for (int64_t part; (part = next.fetch_add(1)) < parts;) {
            runner.prepare(part / slices);
            const int64_t begin = part % slices * SLICE, end = std::min(given.batch, begin + SLICE);
            for (int64_t first = begin; first < end; first += LANES<S>)
                if (backward)
                    runner.backward(first, sums + part * size);
                else
                    runner.forward(first);
        }
        if (!backward) return;
        barrier.wait();
        for (int64_t network; (network = next_network.fetch_add(1)) < given.networks;) {
            S* total = sums + network * slices * size;
            for (int64_t slice = 1; slice < slices; slice++)
                for (size_t i = 0; i < size; i++) total[i] += total[slice * size + i];
            runner.finish(network, total);
        }
    });
}

template <class S>
int run(const Recurrence& given, bool backward, int workers) {
    try {
        return with_cell<S>(given.cell,
                            [&](auto cell) { run_cell<S, typename decltype(cell)::type>(given, backward, workers); });
    } catch (const std::bad_alloc&) {
        return OUT_OF_MEMORY;
    } catch (const std::system_error&) {
        return NO_THREADS;
    }
}

}  // namespace

extern "C" {

int recurrence_float(const Recurrence* given, int64_t backward, int64_t workers) {
    return run<float>(*given, backward != 0, int(workers));
}

int recurrence_double(const Recurrence* given, int64_t backward, int64_t workers) {
    return run<double>(*given, backward != 0, int(workers));
}
}
