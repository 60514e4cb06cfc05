package tlsfile

import (
	"bytes"
	"log/slog"
	"os"
	"slices"
	"sync"
	"time"
)

// lookEvery bounds how often the files are read: at most once a second, and not at
// every handshake.
const lookEvery = time.Second

// watched has files that are read again when their content changes. It does not look at
// their times, because some stores and images set all times to the same value. It is safe
// for concurrent use.
type watched struct {
	// Set at the start.
	paths []string // the first one names the files in the log
	what  string   // what the files are, for the log
	use   func(contents [][]byte) error
	log   *slog.Logger

	// Guarded by mu, which is held while use runs.
	mu     sync.Mutex
	from   [][]byte // the contents with which use last succeeded; nil: use has never succeeded
	looked time.Time
	logged string // the last error about the files that was logged
}

// newWatched reads the files for the first time. If log is nil, nothing is logged.
func newWatched(what string, paths []string, use func(contents [][]byte) error, log *slog.Logger) (*watched, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	w := &watched{paths: paths, what: what, use: use, log: log}
	return w, w.lookLocked()
}

// Reload reads the files now. After an error, the earlier content stays in use.
func (w *watched) Reload() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.looked = time.Now()
	return w.lookLocked()
}

// freshLocked reads the files if that did not happen in the last second. If they cannot
// be read or used, for example while they are being replaced, the earlier content stays
// in use. The same error is logged only once.
func (w *watched) freshLocked() {
	now := time.Now()
	if now.Sub(w.looked) < lookEvery {
		return
	}
	w.looked = now
	w.reportLocked(w.lookLocked())
}

// lookLocked calls use if the files have changed.
func (w *watched) lookLocked() error {
	var now [][]byte
	for _, path := range w.paths {
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		now = append(now, b)
	}
	if slices.EqualFunc(now, w.from, bytes.Equal) {
		return nil
	}
	if err := w.use(now); err != nil {
		return err
	}
	if w.from != nil {
		w.log.Info(w.what+" was renewed", "file", w.paths[0])
	}
	w.from = now
	return nil
}

func (w *watched) reportLocked(err error) {
	text := ""
	if err != nil {
		text = err.Error()
	}
	if text != "" && text != w.logged {
		w.log.Warn(w.what+" cannot be renewed, the old one is used", "file", w.paths[0], "err", err)
	}
	w.logged = text
}
