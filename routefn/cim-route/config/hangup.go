package config

import (
	"log/slog"
	"os"
	"os/signal"
	"sync"
	"syscall"
)

// Hangup has SIGHUP read a program's configuration again, and end nothing. F is what the
// program is told.
type Hangup[F any] struct {
	log     *slog.Logger
	parse   func() (F, error)
	signals chan os.Signal
	done    chan struct{} // closed when no signal is taken any more

	// Guarded by mu.
	mu   sync.Mutex
	take []func(F) error
	came bool // a signal did
}

// OnHangup takes SIGHUP from now on, until Stop. At each one it calls parse, and what was
// given to Add with the result.
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

// Add has take called with what is told from now on. It is called at once if a signal
// came before, which it has missed. An error leaves the part of take as it was, and is
// told to the log.
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

// Stop takes no more signals, and blocks until what the last one called has returned.
func (h *Hangup[F]) Stop() {
	signal.Stop(h.signals)
	close(h.signals)
	<-h.done
}
