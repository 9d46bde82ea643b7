// Training of many networks for many optimizer steps in one call, without Python code between two steps.
#pragma once

#include <algorithm>
#include <deque>
#include <new>

#include "network.h"
#include "optimizer.h"
#include "threads.h"

extern "C" {

// One network, its optimizer state and its data. Of `tiles` and `rows` one is null: `tiles` has all samples, for each
// tile a row of LANES numbers per feature; `rows` has a row per sample, and `order` the samples of each step, `counts`
// of them.
struct TrainingJob {
    void *values, *first, *second;
    const void *offsets, *tiles, *rows, *targets, *weights;
    const int64_t *order, *counts;
    int64_t samples, steps_made;
    const double *rates, *exponents;
    double bound;
    Settings settings;
    double* losses;
    int64_t diverged_at;
};
}

namespace {

// Workspace for the training of one network.
template <class S>
struct Workspace {
    Buffer<S> sums, gradient;
    std::vector<Buffer<S>> gathered;  // one for each worker

    Workspace(size_t sums_size, int64_t slices, const Shape& shape, bool gathers, int workers)
        : sums(sums_size * slices), gradient(shape.parameters) {
        for (int worker = 0; worker < workers; worker++)
            gathered.emplace_back(gathers ? SLICE_TILES * (shape.inputs + 2) * LANES<S> : 0);
    }
};

// Trains one network by one or several workers. The sums do not depend on their number.
template <class S, class Cell>
class Trainer {
    static constexpr int64_t SLICE = SLICE_TILES * LANES<S>;

    const Shape& shape;
    TrainingJob& job;
    Workspace<S>& workspace;
    const int64_t steps;
    const int workers;
    Barrier barrier;
    std::atomic<bool> stop{false};

 public:
    Trainer(const Shape& shape, TrainingJob& job, Workspace<S>& workspace, int64_t steps, int workers)
        : shape(shape), job(job), workspace(workspace), steps(steps), workers(workers), barrier(workers) {}

    // The largest number of slices of a step.
    static int64_t slices_of(const TrainingJob& job, int64_t steps) {
        return slices(job.counts ? *std::max_element(job.counts, job.counts + steps) : job.samples);
    }

    void work(Network<S, Cell>& network, int worker) {
        const size_t size = network.sums.size;
        int64_t begin = 0;
        for (int64_t step = 0; step < steps; step++) {
            barrier.wait();
            if (stop) return;
            const int64_t count = job.counts ? job.counts[step] : job.samples, used = slices(count);
            network.prepare(static_cast<const S*>(job.values), static_cast<const S*>(job.offsets));
            const S q = job.exponents ? S(job.exponents[step]) : S(0);
            for (int64_t slice = worker * used / workers; slice < (worker + 1) * used / workers; slice++) {
                S* sums = workspace.sums + slice * size;
                std::memset(sums, 0, size * sizeof(S));
                run_slice(network, workspace.gathered[worker], begin, slice * SLICE, count, q, sums);
            }
            barrier.wait();
            if (worker == 0) update(network, used, step);
            begin += count;
        }
    }

 private:
    static int64_t slices(int64_t samples) { return (samples + SLICE - 1) / SLICE; }

    // Adds the gradient of a slice of a step's samples, from `first` on; `begin` is where the step's samples begin.
    void run_slice(Network<S, Cell>& network, S* gathered, int64_t begin, int64_t first, int64_t count, S q, S* sums) {
        constexpr int L = LANES<S>;
        const S *targets = static_cast<const S*>(job.targets), *weights = static_cast<const S*>(job.weights);
        const int tiles = int(std::min<int64_t>(SLICE_TILES, (count - first + L - 1) / L));
        if (job.tiles) {
            const S* x = static_cast<const S*>(job.tiles) + first * shape.inputs;
            return network.run(x, targets + first, weights + first, tiles, q, sums);
        }
        const S* rows = static_cast<const S*>(job.rows);
        S *target = gathered + SLICE_TILES * shape.inputs * L, *weight = target + SLICE_TILES * L;
        const S share = S(1) / S(count * (shape.steps - shape.scored_from));
        for (int i = 0; i < tiles * L; i++) {
            const bool known = first + i < count;
            const int64_t sample = known ? job.order[begin + first + i] : 0;
            S* x = gathered + (i / L) * shape.inputs * L + i % L;
            for (int j = 0; j < shape.inputs; j++) x[j * L] = known ? rows[sample * shape.inputs + j] : S(0);
            target[i] = known ? targets[sample] : S(0);
            weight[i] = known ? (weights ? weights[sample] : S(1)) * share : S(0);
        }
        network.run(gathered, target, weight, tiles, q, sums);
    }

    // Sums the slices' gradients and makes the optimizer step, unless the loss has diverged.
    void update(const Network<S, Cell>& network, int64_t used, int64_t step) {
        const size_t size = network.sums.size;
        S *total = workspace.sums, *gradient = workspace.gradient, *values = static_cast<S*>(job.values);
        for (int64_t slice = 1; slice < used; slice++)
            for (size_t i = 0; i < size; i++) total[i] += total[slice * size + i];
        const double loss = network.loss(total);
        job.losses[step] = loss;
        if (!(std::isfinite(loss) && loss <= job.bound)) {
            std::fill(job.losses + step, job.losses + steps, loss);
            job.diverged_at = job.steps_made + step + 1;
            stop = true;
            return;
        }
        network.finish(total, gradient);
        limit_gradient<S>(job.settings, values, gradient, shape.parameters);
        optimizer_step<S>(job.settings, values, gradient, static_cast<S*>(job.first), static_cast<S*>(job.second),
                          shape.parameters, job.steps_made + step, job.rates[step]);
    }
};

// Trains networks side by side, one worker each, as long as there are enough for all workers, and the others one after
// another by all workers.
template <class S, class Cell>
void train_cell(const Shape& shape, TrainingJob* jobs, int64_t count, int64_t steps, int workers) {
    const int64_t side_by_side = count / workers * workers;
    int64_t slices = 1;
    bool gathers = false;
    for (int64_t i = 0; i < count; i++) {
        slices = std::max(slices, Trainer<S, Cell>::slices_of(jobs[i], steps));
        gathers |= jobs[i].rows != nullptr;
    }
    // all memory is allocated here: an error in a worker's thread would end the process
    std::deque<Network<S, Cell>> networks;
    std::deque<Workspace<S>> workspaces;
    for (int worker = 0; worker < workers; worker++) {
        networks.emplace_back(shape);
        if (worker == 0 || side_by_side)
            workspaces.emplace_back(networks[0].sums.size, slices, shape, gathers, workers);
    }
    std::atomic<int64_t> next{0};
    in_parallel(side_by_side ? workers : 1, [&](int worker) {
        for (int64_t i; (i = next.fetch_add(1)) < side_by_side;)
            Trainer<S, Cell>(shape, jobs[i], workspaces[worker], steps, 1).work(networks[worker], 0);
    });
    for (int64_t i = side_by_side; i < count; i++) {
        Trainer<S, Cell> trainer(shape, jobs[i], workspaces[0], steps, workers);
        in_parallel(workers, [&](int worker) { trainer.work(networks[worker], worker); });
    }
}

template <class S>
int train(const Shape& shape, TrainingJob* jobs, int64_t count, int64_t steps, int workers) {
    try {
        return with_cell<S>(shape.cell, [&](auto cell) {
            train_cell<S, typename decltype(cell)::type>(shape, jobs, count, steps, workers);
        });
    } catch (const std::bad_alloc&) {
        return OUT_OF_MEMORY;
    } catch (const std::system_error&) {
        return NO_THREADS;
    }
}

}  // namespace

extern "C" {

int train_float(const Shape* shape, TrainingJob* jobs, int64_t count, int64_t steps, int64_t workers) {
    return train<float>(*shape, jobs, count, steps, int(workers));
}

int train_double(const Shape* shape, TrainingJob* jobs, int64_t count, int64_t steps, int64_t workers) {
    return train<double>(*shape, jobs, count, steps, int(workers));
}

// Number of samples in a tile, for numbers of a size in bytes.
int64_t lanes_of_tile(int64_t bytes) { return ROW_BYTES / bytes; }

// tanh and sigmoid of `count` numbers, a multiple of the vectors' width.
void activations_float(const float* x, float* tanhs, float* sigmoids, int64_t count) {
    for (int64_t i = 0; i < count; i += WIDTH<float>) {
        Vec<float> values;
        std::memcpy(&values, x + i, sizeof values);
        const Vec<float> t = tanh_of<float>(values), s = sigmoid_of<float>(values);
        std::memcpy(tanhs + i, &t, sizeof t);
        std::memcpy(sigmoids + i, &s, sizeof s);
    }
}
}
