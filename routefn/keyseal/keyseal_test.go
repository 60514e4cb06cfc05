package keyseal

import (
	"bytes"
	"encoding/base64"
	"errors"
	"strings"
	"testing"
)

var (
	routeKey = bytes.Repeat([]byte{7}, 32)
	older    = bytes.Repeat([]byte{1}, 32)
	newer    = bytes.Repeat([]byte{2}, 32)
)

func with(keys ...[]byte) *Seal { return New(func() [][]byte { return keys }) }

func TestAnyOfTheKeysOpensAndTheFirstSeals(t *testing.T) {
	name, box := with(older).Close(routeKey)
	for _, c := range []struct {
		keys  [][]byte
		first bool
		err   error
	}{
		{[][]byte{older}, true, nil},
		{[][]byte{older, newer}, true, nil},
		{[][]byte{newer, older}, false, nil},
		{[][]byte{newer}, false, ErrOtherKey},
		{nil, false, ErrOtherKey},
	} {
		key, first, err := with(c.keys...).Open(name, box)
		if !errors.Is(err, c.err) || first != c.first || err == nil && !bytes.Equal(key, routeKey) {
			t.Errorf("%x: %x, %t, %v", c.keys, key, first, err)
		}
	}
	if with(older, newer).First() != with(older).First() || with(newer, older).First() == with(older).First() {
		t.Error("First does not tell which key is the first")
	}
}

func TestBoxShowsNothingAndHoldsOnlyItsOwnKey(t *testing.T) {
	s := with(older)
	name, box := s.Close(routeKey)
	if again, other := s.Close(routeKey); again != name || other == box {
		t.Errorf("sealed again: %s %s, %s %s", name, box, again, other)
	}
	raw, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(box, form))
	if err != nil || bytes.Contains(raw, routeKey[:4]) || strings.Contains(name, "07070707") || len(name) != NameLength {
		t.Errorf("%s %s, %v", name, box, err)
	}
	another := Name(newer)
	if _, _, err := s.Open(another, box); !errors.Is(err, ErrOtherKey) {
		t.Errorf("under another name: %v", err)
	}
	for i := range raw {
		raw[i] ^= 1
		if _, _, err := s.Open(name, form+base64.RawURLEncoding.EncodeToString(raw)); !errors.Is(err, ErrOtherKey) {
			t.Fatalf("byte %d changed: %v", i, err)
		}
		raw[i] ^= 1
	}
	for _, text := range []string{"", "1.", "1.AA", "2." + box[2:], "1.!", box[2:]} {
		if _, _, err := s.Open(name, text); !errors.Is(err, ErrMalformed) && !errors.Is(err, ErrOtherKey) {
			t.Errorf("%q: %v", text, err)
		}
	}
}
