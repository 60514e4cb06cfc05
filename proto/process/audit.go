package process

import (
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"

	"github.com/cim-go/cim/proto/audit"
)

// Audit has a program's flags for its audit log.
type Audit struct {
	To    string // off, stderr, or a file; empty: stderr if other machines can connect, and otherwise off
	Level string // info: everything; warn: only refusals

	file *auditFile // nil unless To is a file
}

// Flags registers the flags of Audit on fs.
func (a *Audit) Flags(fs *flag.FlagSet) {
	fs.StringVar(&a.To, "audit", "",
		"`where` to write in JSON who registered, logged in, connected or was refused: off, stderr or a file (opened\nagain at SIGHUP). Empty: stderr, or off if only this machine can connect")
	fs.StringVar(&a.Level, "audit-level", "info", "lowest `level` in the audit log: info, or warn (refusals only)")
}

// Open returns the audit log of a program that listens on the addresses, or nil if the
// flags say that there is none. Errors name the flag.
func (a *Audit) Open(stderr io.Writer, addresses ...string) (*audit.Log, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(a.Level)); err != nil || level != slog.LevelInfo && level != slog.LevelWarn {
		return nil, fmt.Errorf("%w: -audit-level %q: want info or warn", ErrUsage, a.Level)
	}
	to := a.To
	if to == "" {
		to = "off"
		for _, address := range addresses {
			if !Loopback(address) {
				to = "stderr"
			}
		}
	}
	options := &slog.HandlerOptions{Level: level}
	switch to {
	case "off":
		return nil, nil
	case "stderr":
		return audit.New(slog.NewJSONHandler(stderr, options)), nil
	}
	a.file = &auditFile{path: to}
	if err := a.file.open(); err != nil {
		return nil, fmt.Errorf("-audit: %w", err)
	}
	return audit.New(slog.NewJSONHandler(a.file, options)), nil
}

// Reopen opens the file again, if there is one, after it was moved away. After an error
// the open file stays in use.
func (a *Audit) Reopen() error {
	if a.file == nil {
		return nil
	}
	return a.file.open()
}

// Close closes the file, if there is one.
func (a *Audit) Close() error {
	if a.file == nil {
		return nil
	}
	return a.file.Close()
}

// auditFile appends to a file that only its owner can read.
type auditFile struct {
	path string

	mu   sync.Mutex
	file *os.File
}

func (f *auditFile) open() error {
	file, err := os.OpenFile(f.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.file != nil {
		_ = f.file.Close() // nothing is lost, because each line was written at once
	}
	f.file = file
	return nil
}

// Write implements io.Writer.
func (f *auditFile) Write(b []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.file.Write(b)
}

// Close implements io.Closer.
func (f *auditFile) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.file.Close()
}
