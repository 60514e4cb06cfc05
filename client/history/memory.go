package history

import (
	"sync"

	"github.com/cim-go/cim/proto"
)

// remembered is how many messages a Memory recognises. They take some 4 MB at most.
const remembered = 1 << 16

// Memory is a history that ends with its process. It recognises the latest
// 65,536 messages. Its methods may be called concurrently.
type Memory struct {
	mu    sync.Mutex
	index index
}

// NewMemory returns an empty history.
func NewMemory() *Memory { return &Memory{index: newIndex(remembered)} }

// Bind makes user the owner of a new history. It returns ErrOtherUser if the history has
// another owner.
func (h *Memory) Bind(user int64) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.index.user != 0 && h.index.user != user {
		return ErrOtherUser
	}
	h.index.user = user
	return nil
}

// Append remembers a position and, unless m is nil, the message at that position. It
// returns no error.
func (h *Memory) Append(at proto.Position, m *proto.Message) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.index.add(at, m)
	return nil
}

// Has reports whether a message with the key was appended.
func (h *Memory) Has(key string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.index.has(key)
}

// Positions returns the latest 64 positions of a log, newest first. The first position in
// the log's present epoch comes last.
func (h *Memory) Positions(log int64) []proto.Position {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.index.positions(log)
}
