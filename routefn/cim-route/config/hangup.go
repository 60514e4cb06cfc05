package config

import (
	"log/slog"
	"os"
	"os/signal"
	"syscall"
)

// OnHangup has SIGHUP call reread and end nothing, until the returned function is
// called, which blocks until reread has returned. An error of it is told to the log.
func OnHangup(log *slog.Logger, reread func() error) (stop func()) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGHUP)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range signals {
			if err := reread(); err != nil {
				log.Warn("configuration cannot be read again, the old one stays", "err", err)
				continue
			}
			log.Info("configuration was read again")
		}
	}()
	return func() {
		signal.Stop(signals)
		close(signals)
		<-done
	}
}
