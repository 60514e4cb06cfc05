package proto

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/cim-go/cim/proto/order"
)

// Inbox is the Position.Log of a user's own log. Any other value is a group's id.
const Inbox int64 = 0

// Epoch is a random name that a log gets when it begins. If a log is lost and begins
// again, the new epoch shows that its numbers are not the old ones. In JSON it is written
// as sixteen hex digits, because numbers have less than 64 bits in browsers.
type Epoch uint64

// MarshalJSON writes sixteen hex digits in quotes.
func (e Epoch) MarshalJSON() ([]byte, error) { return e.appendJSON(nil), nil }

func (e Epoch) appendJSON(b []byte) []byte {
	const digits = "0123456789abcdef"
	b = append(b, '"')
	for shift := 60; shift >= 0; shift -= 4 {
		b = append(b, digits[e>>shift&0xf])
	}
	return append(b, '"')
}

// UnmarshalJSON reads up to sixteen hex digits in quotes. An empty string is zero.
func (e *Epoch) UnmarshalJSON(b []byte) error {
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return fmt.Errorf("epoch: %w", err)
	}
	if s == "" {
		*e = 0
		return nil
	}
	n, err := strconv.ParseUint(s, 16, 64)
	if err != nil || len(s) > 16 {
		return errors.New("epoch: not sixteen hex digits")
	}
	*e = Epoch(n)
	return nil
}

// String returns sixteen hex digits.
func (e Epoch) String() string { return fmt.Sprintf("%016x", uint64(e)) }

// Position is a place in a log: an epoch, a dense number, and the key of the entry at
// this place. After a failover that lost a log's tail, numbers are used again, and only
// the keys differ. The zero Position is before the first entry of an inbox.
type Position struct {
	Log    int64  `json:"log"`
	Epoch  Epoch  `json:"epoch"`
	Number int64  `json:"number"`
	Key    string `json:"key,omitempty"`
}

func (p Position) appendJSON(b []byte) []byte {
	b = strconv.AppendInt(append(b, `{"log":`...), p.Log, 10)
	b = p.Epoch.appendJSON(append(b, `,"epoch":`...))
	b = strconv.AppendInt(append(b, `,"number":`...), p.Number, 10)
	if p.Key != "" {
		b = appendString(append(b, `,"key":`...), p.Key)
	}
	return append(b, '}')
}

// Mark returns the wire form, which is never nil.
func (p Position) Mark() *Mark {
	return &Mark{Log: p.Log, Epoch: uint64(p.Epoch), Number: p.Number, Key: p.Key}
}

// Position returns the Go form. It is the zero Position for a nil mark.
func (m *Mark) Position() Position {
	return Position{Log: m.GetLog(), Epoch: Epoch(m.GetEpoch()), Number: m.GetNumber(), Key: m.GetKey()}
}

// At returns the position of a place in a log.
func At(log int64, p order.Place) Position {
	return Position{Log: log, Epoch: Epoch(p.Epoch), Number: p.Number, Key: p.Key}
}

// Place returns the position without the log.
func (p Position) Place() order.Place {
	return order.Place{Epoch: uint64(p.Epoch), Number: p.Number, Key: p.Key}
}

// Place returns the mark's place in its log. It is the zero Place for a nil mark.
func (m *Mark) Place() order.Place {
	return order.Place{Epoch: m.GetEpoch(), Number: m.GetNumber(), Key: m.GetKey()}
}

// Marks returns the wire forms of a list.
func Marks(list []Position) []*Mark {
	marks := make([]*Mark, len(list))
	for i, p := range list {
		marks[i] = p.Mark()
	}
	return marks
}

// Positions returns the Go forms of a list.
func Positions(marks []*Mark) []Position {
	list := make([]Position, len(marks))
	for i, m := range marks {
		list[i] = m.Position()
	}
	return list
}
