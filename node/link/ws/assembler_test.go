package ws

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/cim-go/cim/proto"
)

// kept is a receiver that keeps what it gets, and takes messages of 20 bytes.
type kept struct{ got []string }

func (k *kept) Most() int { return 20 }

func (k *kept) Message(payload []byte, text bool) error {
	k.got = append(k.got, fmt.Sprintf("message %s %v", payload, text))
	return nil
}

func (k *kept) Control(op byte, payload []byte) error {
	k.got = append(k.got, fmt.Sprintf("control %d %s", op, payload))
	return nil
}

// masked is a frame of a client.
func masked(fin bool, op byte, payload string) []byte {
	mask := [4]byte{7, 11, 13, 17}
	b := []byte{op, bitMask | byte(len(payload))}
	if fin {
		b[0] |= bitFin
	}
	b = append(append(b, mask[:]...), payload...)
	Unmask(b[6:], mask, 0)
	return b
}

func TestMessagesAreTheSameHoweverTheBytesCome(t *testing.T) {
	stream := slices.Concat(
		masked(true, Text, "whole"), masked(false, Text, "fra"), masked(true, Ping, "p"), masked(false, Continue, ""),
		masked(true, Continue, "gments"), masked(true, Pong, ""), masked(true, Close, "\x03\xe8bye"),
	)
	want := []string{"message whole true", "control 9 p", "message fragments true", "control 10 ", "control 8 \x03\xe8bye"}
	for step := 1; step <= len(stream); step++ {
		var got kept
		a := Assembler{Text: true}
		for part := range slices.Chunk(bytes.Clone(stream), step) {
			if err := a.Take(&got, part); err != nil {
				t.Fatal(err)
			}
		}
		if !slices.Equal(got.got, want) || !a.Empty() {
			t.Fatalf("in steps of %d: %q, want %q, empty %v", step, got.got, want, a.Empty())
		}
	}
}

func TestBreachesHaveTheirCodes(t *testing.T) {
	long := binary.BigEndian.AppendUint16([]byte{bitFin | Text, bitMask | 126}, 21)
	for name, c := range map[string]struct {
		stream []byte
		code   proto.Code
	}{
		"no mask":               {AppendMessage(nil, Text, []byte("x")), proto.BadFrame},
		"a reserved bit":        {masked(true, 0x40|Text, "x"), proto.BadFrame},
		"binary for text":       {masked(true, Binary, "x"), proto.BadFrame},
		"an unknown opcode":     {masked(true, 3, "x"), proto.BadFrame},
		"continues nothing":     {masked(true, Continue, "x"), proto.BadFrame},
		"two beginnings":        {append(masked(false, Text, "x"), masked(false, Text, "x")...), proto.BadFrame},
		"a close code of ours":  {masked(true, Close, "\x03\xec"), proto.BadFrame},
		"half a close code":     {masked(true, Close, "\x03"), proto.BadFrame},
		"a length too large":    {masked(true, Text, "123456789012345678901"), proto.FrameTooLong},
		"a length in long form": {long, proto.BadFrame},
		"too long in fragments": {append(masked(false, Text, "1234567890"), masked(true, Continue, "12345678901")...), proto.FrameTooLong},
	} {
		a := Assembler{Text: true}
		var coded *proto.Error
		if err := a.Take(new(kept), c.stream); !errors.As(err, &coded) || coded.Code != c.code {
			t.Errorf("%s: %v, want %v", name, err, c.code)
		}
	}
}

// A message that is in the bytes as a whole takes no memory of its own.
func TestWholeMessageIsNotCopied(t *testing.T) {
	stream := masked(true, Binary, "whole")
	to := new(ignored)
	if n := testing.AllocsPerRun(100, func() {
		var a Assembler
		if err := a.Take(to, stream); err != nil {
			t.Fatal(err)
		}
	}); n > 0 || to.messages == 0 {
		t.Errorf("%v allocations, %d messages", n, to.messages)
	}
}

type ignored struct{ messages int }

func (i *ignored) Most() int                  { return 20 }
func (i *ignored) Message([]byte, bool) error { i.messages++; return nil }
func (i *ignored) Control(byte, []byte) error { return nil }
