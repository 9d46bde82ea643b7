// Threads of one call, which end with the call, so that a process without threads can fork.
#pragma once

#include <atomic>
#include <system_error>
#include <thread>
#include <vector>

#if defined(__SSE__)
#include <xmmintrin.h>
#endif

// Flushes denormal numbers of this thread to zero while it lives; they slow arithmetic many times.
class FlushDenormals {
#if defined(__SSE__)
    const unsigned before = _mm_getcsr();

 public:
    FlushDenormals() { _mm_setcsr(before | 0x8040); }
    ~FlushDenormals() { _mm_setcsr(before); }
#endif
};

// Calls work(worker) for each of some workers, on a thread each; the caller's thread is the first. No worker begins
// before all threads exist: workers wait for each other. Throws std::system_error if a thread cannot be made.
template <class Work>
void in_parallel(int workers, const Work& work) {
    enum Signal { WAIT, BEGIN, END };
    std::atomic<Signal> signal{WAIT};
    const auto run = [&work](int worker) {
        FlushDenormals flush;
        work(worker);
    };
    const auto run_on_signal = [&](int worker) {
        while (signal.load() == WAIT) std::this_thread::yield();
        if (signal.load() == BEGIN) run(worker);
    };
    std::vector<std::thread> others;
    others.reserve(workers - 1);
    try {
        for (int worker = 1; worker < workers; worker++) others.emplace_back(run_on_signal, worker);
    } catch (...) {
        signal = END;
        for (std::thread& other : others) other.join();
        throw;
    }
    signal = BEGIN;
    run(0);
    for (std::thread& other : others) other.join();
}

// Barrier: waits until all workers have reached it.
class Barrier {
    const int workers;
    std::atomic<int> waiting{0};
    std::atomic<unsigned> turn{0};

 public:
    explicit Barrier(int count) : workers(count) {}
    void wait() {
        if (workers == 1) return;
        const unsigned own = turn.load();
        if (waiting.fetch_add(1) + 1 == workers) {
            waiting.store(0);
            turn.fetch_add(1);
            return;
        }
        for (int spins = 0; turn.load() == own; spins++)
            if (spins > 4000) std::this_thread::yield();
    }
};
