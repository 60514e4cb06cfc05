package proto

import (
	"encoding/json"
	"slices"
	"strconv"
)

// AppendJSON appends what json.Marshal returns for p, in a third of the time.
func (p *PulledMessages) AppendJSON(b []byte) []byte {
	size := 256
	for i := range p.Messages {
		size += 384 + len(p.Messages[i].Text) // a message without its text has up to some 350 bytes
	}
	b = slices.Grow(b, size)
	b = append(b, `{"epoch":`...)
	b = p.Epoch.appendJSON(b)
	b = strconv.AppendInt(append(b, `,"oldest":`...), p.Oldest, 10)
	b = p.Newest.appendJSON(append(b, `,"newest":`...))
	b = append(b, `,"messages":`...)
	switch {
	case p.Messages == nil:
		b = append(b, "null"...)
	case len(p.Messages) == 0:
		b = append(b, "[]"...)
	default:
		for i := range p.Messages {
			b = append(b, "[,"[min(i, 1)])
			b = p.Messages[i].appendJSON(b)
		}
		b = append(b, ']')
	}
	b = p.Through.appendJSON(append(b, `,"through":`...))
	return append(b, '}')
}

func (m *Message) appendJSON(b []byte) []byte {
	b = appendString(append(b, `{"id":`...), m.ID)
	b = strconv.AppendInt(append(b, `,"from":`...), m.From, 10)
	b = appendString(append(b, `,"fromName":`...), m.FromName)
	b = appendNonzero(b, `,"to":`, m.To)
	b = appendNonzero(b, `,"group":`, m.Group)
	b = appendString(append(b, `,"text":`...), m.Text)
	b = strconv.AppendInt(append(b, `,"time":`...), m.Time, 10)
	b = appendNonzero(b, `,"kind":`, int64(m.Kind))
	b = appendNonzero(b, `,"by":`, m.By)
	b = m.At.appendJSON(append(b, `,"at":`...))
	if m.Prev != "" {
		b = appendString(append(b, `,"prev":`...), m.Prev)
	}
	if m.Confirm {
		b = append(b, `,"confirm":true`...)
	}
	return append(b, '}')
}

func appendNonzero(b []byte, name string, n int64) []byte {
	if n == 0 {
		return b
	}
	return strconv.AppendInt(append(b, name...), n, 10)
}

// appendString appends a text in quotes. It leaves texts with unusual bytes to
// encoding/json.
func appendString(b []byte, s string) []byte {
	for i := range len(s) {
		switch c := s[i]; {
		case c < ' ', c >= 0x7f, c == '"', c == '\\', c == '<', c == '>', c == '&':
			quoted, _ := json.Marshal(s) // a text has no error
			return append(b, quoted...)
		}
	}
	return append(append(append(b, '"'), s...), '"')
}
