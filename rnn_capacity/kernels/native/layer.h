// One layer of a cell on a tile: all time steps, forward and backward.
//
// The layer reads `times` frames of input, tiles of rows each. In the steps after them the input is zero, the last
// frame again, or a constant frame that all samples share (the projection of zero of the +RNN).
#pragma once

#include <vector>

#include "cells.h"

constexpr int SLICE_TILES = 4;  // tiles per slice; a slice's gradients are summed before slices are added

enum After : int { ZERO, REPEAT, CONSTANT };

// Positions of a layer's parameters in the flat parameter vector of a network; -1 for one that does not exist.
struct LayerPlaces {
    int64_t inputs, input, bias, weight, candidate, state;
};

// Zeroed numbers in memory that is aligned to a cache line.
template <class S>
class Buffer {
    std::vector<char> bytes;
    S* begin = nullptr;

 public:
    Buffer() = default;
    explicit Buffer(size_t count) { resize(count); }
    Buffer(const Buffer&) = delete;
    Buffer(Buffer&&) = default;
    void resize(size_t count) {
        bytes.assign(count * sizeof(S) + 64, 0);
        begin = reinterpret_cast<S*>((reinterpret_cast<uintptr_t>(bytes.data()) + 63) & ~uintptr_t(63));
    }
    operator S*() const { return begin; }
};

// Assigns the positions of the sums of one gradient.
struct Places {
    size_t size = 0;
    size_t take(size_t count) {
        const size_t place = size;
        size += count;
        return place;
    }
};

template <class S, class Cell>
class Layer {
    static constexpr int L = LANES<S>;
    static constexpr int states = Cell::memory < 0 ? 1 : 2;

    const LayerPlaces own;
    const int n, activation, steps, times, rows, recurrent;
    const After after;
    const size_t row, gate_row, saved_row;
    const S *weight_input = nullptr, *weight = nullptr, *candidate = nullptr, *state_values = nullptr;
    const S* constant_values = nullptr;
    size_t input_sums, weight_sums, candidate_sums, first_sums, middle_sums, after_sums, state_sums, constant_sums;
    Buffer<S> bias, first_bias, constant_bias, initial, constant, saved, repeated, summed;
    Buffer<S> grad_hidden, grad_memory, scratch;

 public:
    // Gradient of the input, (steps, inputs, L); for a cell that reads its input filled by `backward` with that part.
    Buffer<S> grad_input;

    Layer(const LayerPlaces& places, int units, int activation, int steps, int times, After after, Places& sums)
        : own(places),
          n(units),
          activation(activation),
          steps(steps),
          times(times),
          rows(Cell::gates * units),
          recurrent(places.candidate < 0 ? rows : rows - units),
          after(times < steps ? after : ZERO),
          row(size_t(units) * L),
          gate_row(Cell::gates * row),
          saved_row(Cell::arrays * row) {
        input_sums = sums.take(blocks_of(rows, own.inputs) * OUTER_SIZE);
        weight_sums = sums.take(blocks_of(recurrent, n) * OUTER_SIZE);
        candidate_sums = sums.take(own.candidate < 0 ? 0 : blocks_of(n, n) * OUTER_SIZE);
        first_sums = sums.take(padded(rows));
        middle_sums = sums.take(padded(rows));
        after_sums = sums.take(padded(rows));
        state_sums = sums.take(states * padded(n));
        constant_sums = sums.take(padded(n));
        bias.resize(rows), first_bias.resize(rows), constant_bias.resize(rows);
        initial.resize(states * row), constant.resize(row);
        saved.resize(steps * saved_row);
        repeated.resize(gate_row), summed.resize(gate_row);
        grad_hidden.resize(row), grad_memory.resize(row), scratch.resize(row);
        grad_input.resize(size_t(steps) * own.inputs * L);
    }

    // Points at a network's parameters, which must outlive the call, and computes the values that all samples share.
    //   offsets: b_fg of every row of the gates.
    //   constant_input: the input after the frames where it is CONSTANT, else null.
    void prepare(const S* values, const S* offsets, const S* constant_input) {
        weight_input = values + own.input, weight = values + own.weight, state_values = values + own.state;
        candidate = own.candidate < 0 ? nullptr : values + own.candidate;
        constant_values = constant_input;
        for (int i = 0; i < rows; i++) {
            S sum = 0;
            for (int j = 0; i < recurrent && j < n; j++) sum += weight[i * n + j] * state_values[j];
            bias[i] = values[own.bias + i] + offsets[i];
            first_bias[i] = bias[i] + sum;
        }
        spread(initial, state_values, states * n);
        if (after != CONSTANT) return;
        spread(constant, constant_input, n);
        for (int i = 0; i < rows; i++) {
            S sum = 0;
            for (int j = 0; j < n; j++) sum += weight_input[i * n + j] * constant_input[j];
            constant_bias[i] = bias[i] + sum;
        }
    }

    // Rows of the output of a step, `output_step` apart.
    const S* output(int t) const { return saved + t * saved_row + Cell::output * row; }
    size_t output_step() const { return saved_row; }

    // Runs all steps.
    //   frames: the input, `frame_step` apart.
    //   start: in place of frames, the gates' part of every frame with its bias: (times, rows, L).
    void forward(const S* frames, ptrdiff_t frame_step, const S* start = nullptr) {
        if (after == REPEAT && start) {
            for (size_t i = 0; i < gate_row; i++)
                repeated[i] = start[(times - 1) * gate_row + i] - (times == 1 ? first_bias[i / L] - bias[i / L] : S(0));
        } else if (after == REPEAT) {
            const Product<S> last{weight_input, own.inputs, 1, frames + (times - 1) * frame_step, int(own.inputs)};
            multiply<S>(repeated, rows, bias, nullptr, &last, 1);
        }
        for (int t = 0; t < steps; t++) Cell::forward(step(t, frames, frame_step, start));
    }

    // Runs all steps backward and adds to the sums of the parameters' gradients.
    //   grad_output: of the outputs of the steps from `first` on, one row of units each.
    //   frame_gates: filled with the gates' gradient of the only frame, which is then left to `add_frames`, or null.
    void backward(const S* frames, ptrdiff_t frame_step, const S* grad_output, int first, S* sums, S* frame_gates,
                  const S* start = nullptr) {
        std::memset(grad_hidden, 0, row * sizeof(S));
        std::memset(grad_memory, 0, row * sizeof(S));
        for (int t = steps - 1; t >= 0; t--) {
            Gradient<S> gradient{};
            gradient.output = t < first ? nullptr : grad_output + (t - first) * row;
            gradient.hidden = grad_hidden, gradient.memory = grad_memory, gradient.scratch = scratch;
            gradient.gates = t == 0 && frame_gates && after != REPEAT ? frame_gates : saved + t * saved_row;
            gradient.x = Cell::reads_input ? grad_input + t * row : static_cast<S*>(scratch);
            Cell::backward(step(t, frames, frame_step, start), gradient);
        }
        add_row_sums<S>(sums + state_sums, grad_hidden, n, 0, 1);
        if (states == 2) add_row_sums<S>(sums + state_sums + padded(n), grad_memory, n, 0, 1);
        if (!frame_gates || after == REPEAT) add_row_sums<S>(sums + first_sums, saved, rows, 0, 1);
        add_row_sums<S>(sums + middle_sums, saved + saved_row, rows, saved_row,
                        (after == CONSTANT ? times : steps) - 1);
        if (after == CONSTANT) {
            add_row_sums<S>(sums + after_sums, saved + times * saved_row, rows, saved_row, steps - times);
            add_row_sums<S>(sums + constant_sums, grad_input + times * row, n, row, steps - times);
        }
        outer<S>(sums + weight_sums, saved + saved_row, saved_row, saved + Cell::hidden * row, saved_row, steps - 1,
                 recurrent, n);
        if (Cell::candidate_input >= 0)
            add_candidate(sums, frame_gates && after != REPEAT ? frame_gates : static_cast<S*>(saved));
        if (after == REPEAT) sum_repeated(frame_gates ? frame_gates : static_cast<S*>(summed));
        if (!frames || frame_gates) return;
        const int plain = after == REPEAT ? times - 1 : times;  // frames that are the input of one step only
        if (plain) outer<S>(sums + input_sums, saved, saved_row, frames, frame_step, plain, rows, own.inputs);
        if (after == REPEAT)
            outer<S>(sums + input_sums, summed, 0, frames + plain * frame_step, 0, 1, rows, own.inputs);
    }

    // Adds the gradient that several tiles' only frames give to the input's weights.
    void add_frames(S* sums, const S* frame_gates, const S* frames, ptrdiff_t frame_step, int tiles) const {
        outer<S>(sums + input_sums, frame_gates, gate_row, frames, frame_step, tiles, rows, own.inputs);
        if (after != REPEAT) add_row_sums<S>(sums + first_sums, frame_gates, rows, gate_row, tiles);
    }

    // The gradient of the gates' part of a frame, rows of L numbers, after `backward`.
    const S* gate_gradient(int t) const { return after == REPEAT && t == times - 1 ? summed : saved + t * saved_row; }

    // The gradient of a frame, rows of L numbers, from that of its gates, after `backward`.
    void frame_gradient(int t, const S* gate_gradient, S* to) const {
        const Product<S> one{weight_input, 1, own.inputs, gate_gradient, rows};
        multiply<S>(to, own.inputs, nullptr, Cell::reads_input ? grad_input + t * row : nullptr, &one, 1);
    }

    // Adds the gradient of the parameters, from the sums over all samples.
    //   grad_constant: that of the constant input is added to this.
    void finish(const S* sums, S* gradient, S* grad_constant) const {
        const S *first = sums + first_sums, *middle = sums + middle_sums, *last = sums + after_sums;
        S *grad_weight = gradient + own.weight, *grad_state = gradient + own.state, *grad_input = gradient + own.input;
        add_blocks<S>(grad_input, own.inputs, sums + input_sums, rows, own.inputs);
        add_blocks<S>(grad_weight, n, sums + weight_sums, recurrent, n);
        if (candidate) add_blocks<S>(gradient + own.candidate, n, sums + candidate_sums, n, n);
        for (int i = 0; i < rows; i++) gradient[own.bias + i] += first[i] + middle[i] + last[i];
        for (int k = 0; k < states; k++)
            for (int j = 0; j < n; j++) grad_state[k * n + j] += sums[state_sums + k * padded(n) + j];
        for (int i = 0; i < recurrent; i++)
            add_shared(first[i], state_values, weight + i * n, grad_weight + i * n, grad_state);
        if (after != CONSTANT) return;
        for (int j = 0; j < n; j++) grad_constant[j] += sums[constant_sums + j];
        for (int i = 0; i < rows; i++)
            add_shared(last[i], constant_values, weight_input + i * n, grad_input + i * n, grad_constant);
    }

    const S* bias_of_frames(int t) const { return t == 0 ? first_bias : bias; }

 private:
    // The same number for every sample of a tile.
    static void spread(S* to, const S* values, int count) {
        for (int i = 0; i < count; i++)
            for (int lane = 0; lane < L; lane++) to[i * L + lane] = values[i];
    }

    // Adds the gradient of a row's product with a vector that all samples share.
    void add_shared(S grad, const S* vector, const S* matrix_row, S* grad_row, S* grad_vector) const {
        for (int j = 0; j < n; j++) grad_row[j] += grad * vector[j], grad_vector[j] += grad * matrix_row[j];
    }

    const S* state(int t, int array) const {
        if (t < 0) return initial + (array == Cell::memory ? row : 0);
        return saved + t * saved_row + array * row;
    }

    Step<S> step(int t, const S* frames, ptrdiff_t frame_step, const S* start) const {
        Step<S> one{};
        one.units = n, one.activation = activation;
        one.weight = weight, one.candidate = candidate, one.first = t == 0;
        one.hidden = state(t - 1, Cell::hidden), one.memory = Cell::memory < 0 ? nullptr : state(t - 1, Cell::memory);
        one.saved = saved + t * saved_row;
        one.bias = t == 0 ? first_bias : bias;
        if (t < times) {
            one.x = frames + t * frame_step;
            if (start)
                one.start = start + t * gate_row;
            else
                one.input = {weight_input, own.inputs, 1, one.x, int(own.inputs)};
        } else if (after == REPEAT) {
            one.x = frames + (times - 1) * frame_step;
            one.start = repeated;
        } else {
            one.x = constant;  // zeros where the input is zero
            if (after == CONSTANT) one.bias = constant_bias;
        }
        return one;
    }

    // Adds the gradient of the candidate's recurrent matrix; the first step's gates lie by themselves.
    void add_candidate(S* sums, const S* first_gates) const {
        const S *rest = saved + saved_row + recurrent * L, *inputs = saved + Cell::candidate_input * row;
        outer<S>(sums + candidate_sums, first_gates + recurrent * L, 0, inputs, 0, 1, n, n);
        outer<S>(sums + candidate_sums, rest, saved_row, inputs + saved_row, saved_row, steps - 1, n, n);
    }

    // Sums the gates' gradients of the last frame over the steps that see it.
    void sum_repeated(S* summed) {
        for (size_t i = 0; i < gate_row; i += WIDTH<S>) {
            Vec<S> total{};
            for (int t = times - 1; t < steps; t++) total += load<S>(saved + t * saved_row + i);
            store<S>(summed + i, total);
        }
        if (!Cell::reads_input) return;
        S* to = grad_input + (times - 1) * row;
        for (size_t i = 0; i < row; i += WIDTH<S>) {
            Vec<S> total = load<S>(to + i);
            for (int t = times; t < steps; t++) total += load<S>(grad_input + t * row + i);
            store<S>(to + i, total);
        }
    }
};
