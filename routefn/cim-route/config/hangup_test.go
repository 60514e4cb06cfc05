//go:build unix

package config

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
)

func TestHangupReadsAgainAndEndsNothing(t *testing.T) {
	var out bytes.Buffer
	l := Log{Level: "info", Format: "text"}
	log, err := l.Logger(&out)
	if err != nil {
		t.Fatal(err)
	}
	read := make(chan struct{})
	var level atomic.Value
	level.Store("debug")
	stop := OnHangup(slog.New(slog.DiscardHandler), func() error {
		defer func() { read <- struct{}{} }()
		if level.Load() == "" {
			return errors.New("no such file")
		}
		return l.SetLevel(level.Load().(string))
	})
	hangup := func() {
		t.Helper()
		if err := syscall.Kill(syscall.Getpid(), syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		<-read
	}
	log.Debug("one")
	hangup()
	log.Debug("two")
	level.Store("") // a failure leaves what was
	hangup()
	log.Debug("three")
	stop()
	if text := out.String(); strings.Contains(text, "one") || !strings.Contains(text, "two") || !strings.Contains(text, "three") {
		t.Errorf("logged is %s", text)
	}
	if err := l.SetLevel("loud"); !errors.Is(err, ErrUsage) {
		t.Errorf("a level that is none: %v", err)
	}
}
