package history

import (
	"strings"

	"github.com/cim-go/cim/proto"
)

// Search returns the latest n messages whose text contains the given word, oldest first.
// Upper and lower case count as the same. It reads the whole file.
func (h *File) Search(word string, n int) ([]proto.Message, error) {
	word = strings.ToLower(word)
	return h.last(n, func(m *proto.Message) bool {
		return strings.Contains(strings.ToLower(m.Text), word)
	})
}

// Conversation returns the latest n private messages from and to the user in the parameter
// peer, oldest first. It reads the whole file.
func (h *File) Conversation(peer int64, n int) ([]proto.Message, error) {
	return h.last(n, func(m *proto.Message) bool {
		return m.Group == 0 && (m.From == peer || m.To == peer)
	})
}

// From returns the latest n texts of user that were shown, in any conversation, oldest
// first. It reads the whole file.
func (h *File) From(user int64, n int) ([]proto.Message, error) {
	return h.last(n, func(m *proto.Message) bool { return m.From == user && m.Kind == proto.Kind_TEXT })
}

// last returns the last n messages for which the function match returns true, oldest
// first.
func (h *File) last(n int, match func(*proto.Message) bool) ([]proto.Message, error) {
	r, err := h.reader()
	if err != nil {
		return nil, err
	}
	var found []proto.Message
	_, _, err = scan(r, func(rec record) {
		if rec.Message == nil || !match(rec.Message) {
			return
		}
		if found = append(found, *rec.Message); len(found) > n {
			found = found[1:]
		}
	})
	return found, err
}
