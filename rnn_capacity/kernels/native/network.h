// A network on a tile: projection, layers and readout, forward and backward while all activations are in the cache.
#pragma once

#include "layer.h"
#include "loss.h"

// Sizes that the networks of a call share, and the positions of parameters in a network's flat parameter vector.
struct Shape {
    int64_t cell, activation, depth, units, inputs, outputs, steps, scored_from, every_step, loss, parameters;
    int64_t projection_weight, projection_bias, readout_weight, readout_bias;
    const LayerPlaces* layers;
};

template <class S, class Cell>
class Network {
    static constexpr int L = LANES<S>;

    const Shape& shape;
    const int n, scored;
    const size_t row, logit_row;
    const bool projects;
    const S* values = nullptr;
    size_t projection_sums, projection_bias_sums, readout_sums, readout_bias_sums, loss_sums;
    const size_t gate_row, input_row;
    Buffer<S> projected, logits, grad_output, grad_frames, frame_gates;
    std::vector<Layer<S, Cell>> layers;

 public:
    Places sums;

    explicit Network(const Shape& shape)
        : shape(shape),
          n(shape.units),
          scored(shape.steps - shape.scored_from),
          row(size_t(shape.units) * L),
          logit_row(size_t(shape.outputs) * L),
          projects(shape.projection_weight >= 0),
          gate_row(Cell::gates * row),
          input_row(size_t(shape.inputs) * L) {
        const After after = shape.every_step ? REPEAT : projects ? CONSTANT : ZERO;
        for (int l = 0; l < shape.depth; l++)
            layers.emplace_back(shape.layers[l], n, shape.activation, shape.steps, l ? shape.steps : 1, after, sums);
        projection_sums = sums.take(projects ? blocks_of(n, shape.inputs) * OUTER_SIZE : 0);
        projection_bias_sums = sums.take(projects ? padded(n) : 0);
        readout_sums = sums.take(blocks_of(shape.outputs, n) * OUTER_SIZE);
        readout_bias_sums = sums.take(padded(shape.outputs));
        loss_sums = sums.take(padded(1));
        projected.resize(SLICE_TILES * row), logits.resize(scored * logit_row);
        grad_output.resize(shape.steps * row), grad_frames.resize(SLICE_TILES * row),
            frame_gates.resize(SLICE_TILES * gate_row);
    }

    // Points at the parameters, which must outlive the call, and computes what all samples share; `offsets` has b_fg of
    // every row of every layer's gates.
    void prepare(const S* parameters, const S* offsets) {
        values = parameters;
        for (int l = 0; l < shape.depth; l++)
            layers[l].prepare(values, offsets + l * Cell::gates * n,
                              projects ? values + shape.projection_bias : nullptr);
    }

    // Adds the loss of the samples of some tiles, and its gradient, to `to`.
    //   x: rows of the inputs of `tiles` <= SLICE_TILES tiles, one after another.
    //   q: exponent of the generalized cross-entropy.
    void run(const S* x, const S* targets, const S* weights, int tiles, S q, S* to) {
        for (int tile = 0; tile < tiles; tile++)
            run_tile(x + tile * input_row, targets + tile * L, weights + tile * L, q, tile, to);
        layers[0].add_frames(to, frame_gates, projects ? static_cast<const S*>(projected) : x,
                             projects ? row : input_row, tiles);
        if (!projects) return;
        outer<S>(to + projection_sums, grad_frames, row, x, input_row, tiles, n, shape.inputs);
        add_row_sums<S>(to + projection_bias_sums, grad_frames, n, row, tiles);
    }

    double loss(const S* from) const {
        double total = 0;
        for (int i = 0; i < WIDTH<S>; i++) total += from[loss_sums + i];
        return total;
    }

    // Computes the gradient of the parameters from the sums over all samples.
    void finish(const S* from, S* gradient) const {
        std::memset(gradient, 0, shape.parameters * sizeof(S));
        S* grad_constant = projects ? gradient + shape.projection_bias : nullptr;
        for (const Layer<S, Cell>& layer : layers) layer.finish(from, gradient, grad_constant);
        if (projects) {
            add_blocks<S>(gradient + shape.projection_weight, shape.inputs, from + projection_sums, n, shape.inputs);
            for (int i = 0; i < n; i++) grad_constant[i] += from[projection_bias_sums + i];
        }
        add_blocks<S>(gradient + shape.readout_weight, n, from + readout_sums, shape.outputs, n);
        for (int i = 0; i < shape.outputs; i++) gradient[shape.readout_bias + i] = from[readout_bias_sums + i];
    }

 private:
    void run_tile(const S* x, const S* targets, const S* weights, S q, int tile, S* to) {
        const S* input = x;
        S* gates = frame_gates + tile * gate_row;
        if (projects) {
            const Product<S> one{values + shape.projection_weight, shape.inputs, 1, x, int(shape.inputs)};
            multiply<S>(projected + tile * row, n, values + shape.projection_bias, nullptr, &one, 1);
            input = projected + tile * row;
        }
        for (int l = 0; l < shape.depth; l++)
            layers[l].forward(l ? layers[l - 1].output(0) : input, l ? layers[l - 1].output_step() : 0);
        read_out(targets, weights, q, to);
        for (int l = shape.depth - 1; l > 0; l--) {
            const int first = l == shape.depth - 1 ? shape.scored_from : 0;
            layers[l].backward(layers[l - 1].output(0), layers[l - 1].output_step(), grad_output, first, to, nullptr);
            for (int t = 0; t < shape.steps; t++)
                layers[l].frame_gradient(t, layers[l].gate_gradient(t), grad_output + t * row);
        }
        layers[0].backward(input, 0, grad_output, shape.depth == 1 ? shape.scored_from : 0, to, gates);
        if (projects) layers[0].frame_gradient(0, gates, grad_frames + tile * row);
    }

    // Computes the logits of the scored steps, the loss, and the gradients of the readout and the top layer's outputs.
    void read_out(const S* targets, const S* weights, S q, S* to) {
        const Layer<S, Cell>& top = layers.back();
        const S* outputs = top.output(shape.scored_from);
        const S *weight = values + shape.readout_weight, *bias = values + shape.readout_bias;
        for (int s = 0; s < scored; s++) {
            S* own = logits + s * logit_row;
            const Product<S> read{weight, n, 1, outputs + s * top.output_step(), n};
            multiply<S>(own, shape.outputs, bias, nullptr, &read, 1);
            const Vec<S> loss = loss_of_tile<S>(shape.loss, own, shape.outputs, targets, weights, q);
            store<S>(to + loss_sums, load<S>(to + loss_sums) + loss);
            const Product<S> back{weight, 1, n, own, int(shape.outputs)};
            multiply<S>(grad_output + s * row, n, nullptr, nullptr, &back, 1);
        }
        outer<S>(to + readout_sums, logits, logit_row, outputs, top.output_step(), scored, shape.outputs, n);
        add_row_sums<S>(to + readout_bias_sums, logits, shape.outputs, logit_row, scored);
    }
};
