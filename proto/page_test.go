package proto

import (
	"fmt"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"
)

// storedEntries returns entries 1 to n of a log, each of alice for bob.
func storedEntries(t testing.TB, n int) []*Stored {
	t.Helper()
	entries := make([]*Stored, n)
	prev := ""
	for i := range entries {
		e, err := proto.Marshal(&Entry{FromName: "alice", To: 1700000000043, Time: 1700000000000, Text: strings.Repeat("x", 128)})
		if err != nil {
			t.Fatal(err)
		}
		key := Key(1700000000042, fmt.Sprintf("%016x", i))
		at := Position{Epoch: 7, Number: int64(i + 1), Key: key}
		entries[i] = &Stored{At: at.Mark(), Prev: prev, Key: key, Entry: e}
		prev = key
	}
	return entries
}

// A page says what its entries say, whichever of them it has.
func TestPageSaysWhatItsEntriesSay(t *testing.T) {
	all := storedEntries(t, 20)
	rapid.Check(t, func(r *rapid.T) {
		var some []*Stored
		var want []Message
		for _, e := range all {
			if !rapid.Bool().Draw(r, "is in the page") {
				continue
			}
			m, err := e.Message()
			if err != nil {
				r.Fatal(err)
			}
			some, want = append(some, e), append(want, m)
		}
		newest, through := Position{Epoch: 7, Number: 30, Key: "1:z"}, Position{Epoch: 7, Number: 20, Key: "1:y"}
		b, err := proto.Marshal(NewPage(newest, through, 3, some))
		if err != nil {
			r.Fatal(err)
		}
		page := new(Page)
		if err := proto.Unmarshal(b, page); err != nil {
			r.Fatal(err)
		}
		got, err := page.Pulled()
		if err != nil || got.Newest != newest || got.Through != through || got.Oldest != 3 || got.Epoch != 7 {
			r.Fatalf("%+v, %v", got, err)
		}
		if len(got.Messages) != len(want) {
			r.Fatalf("%d messages, want %d", len(got.Messages), len(want))
		}
		for i, m := range got.Messages {
			if m != want[i] {
				r.Errorf("%+v, want %+v", m, want[i])
			}
		}
	})
}

// An entry that cannot be read is named, and the others keep their numbers.
func TestPageLeavesOutWhatCannotBeRead(t *testing.T) {
	entries := storedEntries(t, 3)
	entries[1] = &Stored{At: entries[1].At, Prev: entries[1].Prev, Key: entries[1].Key, Entry: []byte{0xff}}
	got, err := NewPage(Position{Epoch: 7, Number: 3}, Position{Epoch: 7, Number: 3}, 1, entries).Pulled()
	if err == nil || !strings.Contains(err.Error(), "entry 2 of log 0") {
		t.Errorf("the error is %v", err)
	}
	if len(got.Messages) != 2 || got.Messages[0].At.Number != 1 || got.Messages[1].At.Number != 3 || got.Messages[1].Prev != entries[1].Key {
		t.Errorf("%+v", got.Messages)
	}
}
