package process

import (
	"log/slog"
	"os"
	"os/signal"
	"sync"
	"syscall"
)

// Hangup reads a program's configuration again at SIGHUP. F is the type of the
// configuration.
type Hangup[F any] struct {
	log     *slog.Logger
	parse   func() (F, error)
	signals chan os.Signal
	done    chan struct{} // closed when no further signal is handled

	// Guarded by mu.
	mu   sync.Mutex
	take []func(F) error
	came bool // a signal has come
}

// OnHangup handles SIGHUP from now on, until Stop. At each signal it calls parse, and then
// each function of Add with the result.
func OnHangup[F any](log *slog.Logger, parse func() (F, error)) *Hangup[F] {
	h := &Hangup[F]{log: log, parse: parse, signals: make(chan os.Signal, 1), done: make(chan struct{})}
	signal.Notify(h.signals, syscall.SIGHUP)
	go h.run()
	return h
}

func (h *Hangup[F]) run() {
	defer close(h.done)
	for range h.signals {
		h.mu.Lock()
		h.came = true
		h.call(h.take...)
		h.mu.Unlock()
	}
}

// After Add, each signal calls the function take with the new configuration. If a signal
// has come before, Add calls take at once. If take returns an error, its part of the
// configuration is unchanged, and the error is logged.
func (h *Hangup[F]) Add(take func(F) error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.take = append(h.take, take)
	if h.came {
		h.call(take)
	}
}

func (h *Hangup[F]) call(take ...func(F) error) {
	again, err := h.parse()
	if err != nil {
		h.log.Warn("configuration cannot be read again, the old one stays", "err", err)
		return
	}
	for _, t := range take {
		if err := t(again); err != nil {
			h.log.Warn("configuration cannot be changed, the old one stays", "err", err)
		}
	}
	h.log.Info("configuration was read again")
}

// Stop ends the handling of signals, and blocks until all functions of the last signal
// have returned.
func (h *Hangup[F]) Stop() {
	signal.Stop(h.signals)
	close(h.signals)
	<-h.done
}
