package history

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"

	"github.com/cim-go/cim/proto"
)

var (
	// ErrLocked is the error of Open if another process, or an earlier Open of this
	// process, holds the history.
	ErrLocked = errors.New("the history is in use by another process")
	// ErrOtherUser is returned by Bind when the history belongs to another account.
	ErrOtherUser = errors.New("the history belongs to another user")
	// ErrNotHistory is returned by Open for a file with other contents. The file does
	// not change.
	ErrNotHistory = errors.New("the file is not a history")
	// ErrClosed is returned by a File that was closed.
	ErrClosed = errors.New("the history is closed")
)

// Options are the settings for Open. The zero value is a good choice.
type Options struct {
	Sync   bool         // force every record to the disk before Append returns
	Logger *slog.Logger // logs damaged lines; nil: silent
}

// File is a history on disk. Its methods may be called concurrently. It takes some 40
// bytes of memory per message. Texts stay on disk.
type File struct {
	sync bool // set by Open

	mu     sync.Mutex
	file   *os.File
	size   int64 // bytes of whole records; the next one is written there
	index  index
	closed bool
}

// Open opens the history in the file at path. If the file or its folder does not exist,
// Open makes it. It reads the whole file once. No other process can open the history
// until Close, see ErrLocked.
func Open(path string, o Options) (*File, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("make folder of history: %w", err)
	}
	file, err := openAlone(path)
	if err != nil {
		return nil, fmt.Errorf("open history %s: %w", path, err)
	}
	h := &File{sync: o.Sync, file: file, index: newIndex(0)}
	if err := h.load(o.Logger); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return h, nil
}

// load builds the index, and cuts off an incomplete record that a crash left at the end.
func (h *File) load(log *slog.Logger) error {
	size, damaged, err := scan(h.file, h.note)
	if err != nil {
		return err
	}
	if size == 0 && damaged > 0 {
		return ErrNotHistory
	}
	if damaged > 0 && log != nil {
		log.Warn("history has damaged lines", "lines", damaged, "file", h.file.Name())
	}
	if err := h.file.Truncate(size); err != nil {
		return fmt.Errorf("cut torn record off history: %w", err)
	}
	h.size = size
	return nil
}

func (h *File) note(r record) {
	if r.User != 0 {
		h.index.user = r.User
		return
	}
	h.index.add(r.position())
}

// Bind makes user the owner of a new history. It returns ErrOtherUser if the history has
// another owner.
func (h *File) Bind(user int64) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch h.index.user {
	case user:
		return nil
	case 0:
		return h.writeLocked(record{User: user})
	default:
		return fmt.Errorf("%w: %d", ErrOtherUser, h.index.user)
	}
}

// Append writes a position and, unless m is nil, the message at that position, in one
// write. After an error nothing was appended, and the same call may be tried again.
func (h *File) Append(at proto.Position, m *proto.Message) error {
	r := record{At: &at}
	if m != nil {
		stored := *m
		stored.At = at
		r = record{Message: &stored}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.writeLocked(r)
}

// writeLocked writes a record after the last complete one. It overwrites the rest of a
// failed write, which is never read.
func (h *File) writeLocked(r record) error {
	if h.closed {
		return ErrClosed
	}
	line, err := r.encode()
	if err != nil {
		return err
	}
	if _, err := h.file.WriteAt(line, h.size); err != nil {
		return fmt.Errorf("write history: %w", err)
	}
	if h.sync {
		if err := h.file.Sync(); err != nil {
			return fmt.Errorf("write history: %w", err)
		}
	}
	h.size += int64(len(line))
	h.note(r)
	return nil
}

// Has reports whether a message with the key was appended.
func (h *File) Has(key string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.index.has(key)
}

// Positions returns the latest 64 positions of a log, newest first. The first position in
// the log's present epoch comes last.
func (h *File) Positions(log int64) []proto.Position {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.index.positions(log)
}

// Close forces all records to the disk and lets others open the history. Closing twice
// is fine.
func (h *File) Close() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return nil
	}
	h.closed = true
	if err := errors.Join(h.file.Sync(), h.file.Close()); err != nil {
		return fmt.Errorf("close history: %w", err)
	}
	return nil
}

// reader returns all records that are appended by now, from the first one on.
func (h *File) reader() (io.Reader, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return nil, ErrClosed
	}
	return io.NewSectionReader(h.file, 0, h.size), nil
}
