// The cells: one time step on a tile, forward and backward (Collins et al. 2017, eq. 1-20).
//
// A cell saves arrays of `units` rows at every step: first one array per gate, which `backward` overwrites with that
// gate's gradient, and among the others its output and its state. The gates' weights are one matrix of `gates * units`
// rows and `units` columns; the GRU's candidate has a matrix of its own.
#pragma once

#include "tile.h"

template <class S>
struct Step {
    int units, activation;
    const S* bias;             // one number for every row of the gates, or
    const S* start;            // a tile of rows in its place
    Product<S> input;          // of the input; no columns if there is none
    const S* weight;           // recurrent
    const S* candidate;        // the GRU's recurrent matrix of the candidate
    bool first;                // whether this is step 0, whose product of `weight` and the state is in the bias
    const S *hidden, *memory;  // the previous state
    const S* x;                // the input's rows, for a cell that passes it on
    S* saved;

    S* array(int index) const { return saved + (ptrdiff_t)index * units * LANES<S>; }
    int size() const { return units * LANES<S>; }

    // Computes the gates in `rows` rows from `row` on.
    void gates(S* out, int row, int rows, int kind) const {
        Product<S> products[2];
        int count = 0;
        if (input.columns) products[count++] = input;
        if (!first) products[count++] = {weight, units, 1, hidden, units};
        multiply<S>(out, rows, start ? nullptr : bias + row, start ? start + (ptrdiff_t)row * LANES<S> : nullptr,
                    products, count, row, kind);
    }
};

template <class S>
struct Gradient {
    const S* output;     // gradient of the output, or null
    S *hidden, *memory;  // gradient of the new state; overwritten by that of the previous one
    S* gates;            // gradient of the gates before their activations
    S* x;                // gradient of the input, for a cell that passes it on
    S* scratch;          // of `units` rows

    // Sets `state`, the gradient of the previous state, to `start` (zero if null) plus the product of a transposed
    // matrix and the gates' gradient.
    void multiply_transposed(S* state, const S* weight, int units, const S* rows, int count, const S* start) const {
        Product<S> one{weight, 1, units, rows, count};
        multiply<S>(state, units, nullptr, start, &one, 1);
    }
};

#define FOR_EACH_VECTOR(step) for (int i = 0; i < (step).size(); i += WIDTH<S>)

template <class S>
INLINE Vec<S> total(const Gradient<S>& gradient, int i) {
    Vec<S> sum = load<S>(gradient.hidden + i);
    return gradient.output ? sum + load<S>(gradient.output + i) : sum;
}

template <class S>
struct RNN {
    static constexpr int gates = 1, arrays = 2, output = 1, hidden = 1, memory = -1, candidate_input = -1;
    static constexpr bool reads_input = false;

    static void forward(const Step<S>& step) { step.gates(step.array(1), 0, step.units, step.activation); }

    static void backward(const Step<S>& step, const Gradient<S>& to) {
        const S* h = step.array(1);
        FOR_EACH_VECTOR(step) store<S>(to.gates + i, total(to, i) * slope<S>(step.activation, load<S>(h + i)));
        if (!step.first)
            to.multiply_transposed(to.hidden, step.weight, step.units, to.gates, step.units, nullptr);
        else
            FOR_EACH_VECTOR(step) store<S>(to.hidden + i, Vec<S>{});
    }
};

template <class S>
struct UGRNN {
    static constexpr int gates = 2, arrays = 3, output = 2, hidden = 2, memory = -1, candidate_input = -1;
    static constexpr bool reads_input = false;

    static void forward(const Step<S>& step) {
        S *gate = step.array(0), *candidate = step.array(1), *h = step.array(2);
        step.gates(gate, 0, step.units, SIGMOID);
        step.gates(candidate, step.units, step.units, step.activation);
        FOR_EACH_VECTOR(step) {
            Vec<S> c = load<S>(candidate + i);
            store<S>(h + i, c + load<S>(gate + i) * (load<S>(step.hidden + i) - c));
        }
    }

    static void backward(const Step<S>& step, const Gradient<S>& to) {
        const S *gate = step.array(0), *candidate = step.array(1);
        S* to_candidate = to.gates + step.size();
        FOR_EACH_VECTOR(step) {
            Vec<S> grad = total(to, i), g = load<S>(gate + i), c = load<S>(candidate + i), kept = grad * g;
            store<S>(to.gates + i, kept * (load<S>(step.hidden + i) - c) * (S(1) - g));
            store<S>(to_candidate + i, (grad - kept) * slope<S>(step.activation, c));
            store<S>(to.hidden + i, kept);
        }
        if (!step.first)
            to.multiply_transposed(to.hidden, step.weight, step.units, to.gates, 2 * step.units, to.hidden);
    }
};

template <class S>
struct GRU {
    static constexpr int gates = 3, arrays = 5, output = 4, hidden = 4, memory = -1, candidate_input = 3;
    static constexpr bool reads_input = false;

    static void forward(const Step<S>& step) {
        const int n = step.units;
        S *reset = step.array(0), *update = step.array(1), *candidate = step.array(2), *kept = step.array(3),
          *h = step.array(4);
        step.gates(reset, 0, 2 * n, SIGMOID);
        FOR_EACH_VECTOR(step) store<S>(kept + i, load<S>(reset + i) * load<S>(step.hidden + i));
        Product<S> products[2] = {{step.candidate, n, 1, kept, n}, step.input};
        products[1].weight += 2 * n * products[1].row_stride;
        const ptrdiff_t row = 2 * n;
        multiply<S>(candidate, n, step.start ? nullptr : step.bias + row,
                    step.start ? step.start + row * LANES<S> : nullptr, products, step.input.columns ? 2 : 1, 0,
                    step.activation);
        FOR_EACH_VECTOR(step) {
            Vec<S> c = load<S>(candidate + i);
            store<S>(h + i, c + load<S>(update + i) * (load<S>(step.hidden + i) - c));
        }
    }

    static void backward(const Step<S>& step, const Gradient<S>& to) {
        const S *reset = step.array(0), *update = step.array(1), *candidate = step.array(2);
        S *to_update = to.gates + step.size(), *to_candidate = to_update + step.size();
        FOR_EACH_VECTOR(step) {
            Vec<S> grad = total(to, i), u = load<S>(update + i), c = load<S>(candidate + i), kept = grad * u;
            store<S>(to_update + i, kept * (load<S>(step.hidden + i) - c) * (S(1) - u));
            store<S>(to_candidate + i, (grad - kept) * slope<S>(step.activation, c));
            store<S>(to.hidden + i, kept);
        }
        to.multiply_transposed(to.scratch, step.candidate, step.units, to_candidate, step.units, nullptr);
        FOR_EACH_VECTOR(step) {
            Vec<S> grad = load<S>(to.scratch + i), r = load<S>(reset + i);
            store<S>(to.gates + i, grad * load<S>(step.hidden + i) * r * (S(1) - r));
            store<S>(to.hidden + i, load<S>(to.hidden + i) + grad * r);
        }
        if (!step.first)
            to.multiply_transposed(to.hidden, step.weight, step.units, to.gates, 2 * step.units, to.hidden);
    }
};

template <class S>
struct LSTM {
    static constexpr int gates = 4, arrays = 7, output = 6, hidden = 6, memory = 4, candidate_input = -1;
    static constexpr bool reads_input = false;

    static void forward(const Step<S>& step) {
        S *write = step.array(0), *forget = step.array(1), *read = step.array(2), *candidate = step.array(3);
        S *memory = step.array(4), *shown = step.array(5), *h = step.array(6);
        step.gates(write, 0, 3 * step.units, SIGMOID);
        step.gates(candidate, 3 * step.units, step.units, step.activation);
        FOR_EACH_VECTOR(step) {
            Vec<S> c = load<S>(forget + i) * load<S>(step.memory + i) + load<S>(write + i) * load<S>(candidate + i);
            Vec<S> t = tanh_of<S>(c);
            store<S>(memory + i, c);
            store<S>(shown + i, t);
            store<S>(h + i, load<S>(read + i) * t);
        }
    }

    static void backward(const Step<S>& step, const Gradient<S>& to) {
        const S *write = step.array(0), *forget = step.array(1), *read = step.array(2), *candidate = step.array(3),
                *shown = step.array(5);
        S *to_forget = to.gates + step.size(), *to_read = to_forget + step.size(),
          *to_candidate = to_read + step.size();
        FOR_EACH_VECTOR(step) {
            Vec<S> grad = total(to, i), t = load<S>(shown + i), o = load<S>(read + i), f = load<S>(forget + i);
            Vec<S> w = load<S>(write + i), c = load<S>(candidate + i);
            Vec<S> to_memory = load<S>(to.memory + i) + grad * o * (S(1) - t * t);
            store<S>(to.gates + i, to_memory * c * w * (S(1) - w));
            store<S>(to_forget + i, to_memory * load<S>(step.memory + i) * f * (S(1) - f));
            store<S>(to_read + i, grad * t * o * (S(1) - o));
            store<S>(to_candidate + i, to_memory * w * slope<S>(step.activation, c));
            store<S>(to.memory + i, to_memory * f);
        }
        if (!step.first)
            to.multiply_transposed(to.hidden, step.weight, step.units, to.gates, 4 * step.units, nullptr);
        else
            FOR_EACH_VECTOR(step) store<S>(to.hidden + i, Vec<S>{});
    }
};

template <class S>
struct Intersection {
    static constexpr int gates = 4, arrays = 6, output = 4, hidden = 5, memory = -1, candidate_input = -1;
    static constexpr bool reads_input = true;

    static void forward(const Step<S>& step) {
        const int n = step.units;
        S *mix_up = step.array(0), *mix_through = step.array(1), *up = step.array(2), *through = step.array(3);
        S *y = step.array(4), *h = step.array(5);
        step.gates(mix_up, 0, 2 * n, SIGMOID);
        step.gates(up, 2 * n, n, RELU);
        step.gates(through, 3 * n, n, TANH);
        FOR_EACH_VECTOR(step) {
            Vec<S> a = load<S>(up + i), b = load<S>(through + i);
            store<S>(y + i, a + load<S>(mix_up + i) * (load<S>(step.x + i) - a));
            store<S>(h + i, b + load<S>(mix_through + i) * (load<S>(step.hidden + i) - b));
        }
    }

    static void backward(const Step<S>& step, const Gradient<S>& to) {
        const S *mix_up = step.array(0), *mix_through = step.array(1), *up = step.array(2), *through = step.array(3);
        S *to_through_gate = to.gates + step.size(), *to_up = to_through_gate + step.size(),
          *to_through = to_up + step.size();
        FOR_EACH_VECTOR(step) {
            Vec<S> grad = to.output ? load<S>(to.output + i) : Vec<S>{}, g = load<S>(mix_up + i), a = load<S>(up + i),
                   kept = grad * g;
            store<S>(to.gates + i, kept * (load<S>(step.x + i) - a) * (S(1) - g));
            store<S>(to_up + i, (grad - kept) * slope<S>(RELU, a));
            store<S>(to.x + i, kept);
        }
        FOR_EACH_VECTOR(step) {
            Vec<S> grad = load<S>(to.hidden + i), g = load<S>(mix_through + i), b = load<S>(through + i),
                   kept = grad * g;
            store<S>(to_through_gate + i, kept * (load<S>(step.hidden + i) - b) * (S(1) - g));
            store<S>(to_through + i, (grad - kept) * slope<S>(TANH, b));
            store<S>(to.hidden + i, kept);
        }
        if (!step.first)
            to.multiply_transposed(to.hidden, step.weight, step.units, to.gates, 4 * step.units, to.hidden);
    }
};

enum Status : int { DONE, UNKNOWN_CELL, OUT_OF_MEMORY, NO_THREADS };  // Python has the same names

template <class Cell>
struct Type {
    typedef Cell type;
};

// Calls `work` with the type of the cell that has a code in the C interface.
template <class S, class Work>
int with_cell(int64_t cell, const Work& work) {
    switch (cell) {
        case 0:
            work(Type<RNN<S>>{});
            return DONE;
        case 1:
            work(Type<UGRNN<S>>{});
            return DONE;
        case 2:
            work(Type<GRU<S>>{});
            return DONE;
        case 3:
            work(Type<LSTM<S>>{});
            return DONE;
        case 4:
            work(Type<Intersection<S>>{});
            return DONE;
        default:
            return UNKNOWN_CELL;
    }
}
