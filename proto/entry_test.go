package proto

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"
)

// anyID draws what ValidID accepts.
var anyID = rapid.StringMatching(`[!-~]{1,64}`)

func TestKeyIsParsedBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		from, id := rapid.Int64().Draw(t, "from"), anyID.Draw(t, "id") // ids may have colons
		gotFrom, gotID, err := ParseKey(Key(from, id))
		if err != nil || gotFrom != from || gotID != id {
			t.Fatalf("%d, %q, %v", gotFrom, gotID, err)
		}
	})
}

func TestKeyHasOneSpelling(t *testing.T) {
	for _, key := range []string{"", "42", ":", ":a1", "x:a1", "+42:a1", "042:a1", " 42:a1", "-0:a1", "4_2:a1", "9223372036854775808:a1"} {
		if from, id, err := ParseKey(key); err == nil {
			t.Errorf("%q was read as %d, %q", key, from, id)
		}
	}
}

func TestIDsThatWouldBreakALogAreNotValid(t *testing.T) {
	for id, want := range map[string]bool{
		"a":                          true,
		"a:b":                        true,
		"!~":                         true,
		strings.Repeat("a", MaxID):   true,
		strings.Repeat("a", MaxID+1): false,
		"":                           false,
		"a b":                        false,
		"a\nb":                       false,
		"a\x00b":                     false,
		"a\x7f":                      false,
		"é":                          false,
		"\xff":                       false,
	} {
		if got := ValidID(id); got != want {
			t.Errorf("%q: %v", id, got)
		}
	}
}

func TestStoredEntryIsReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := Message{
			ID: anyID.Draw(t, "id"), From: rapid.Int64().Draw(t, "from"), FromName: rapid.String().Draw(t, "name"),
			To: rapid.Int64().Draw(t, "to"), Group: rapid.Int64().Draw(t, "group"), Time: rapid.Int64().Draw(t, "time"),
			Text: rapid.String().Draw(t, "text"), Kind: rapid.SampledFrom([]Kind{Kind_TEXT, Kind_GENESIS, Kind_LEAVE}).Draw(t, "kind"),
			By:   rapid.Int64().Draw(t, "by"),
			At:   Position{Log: rapid.Int64().Draw(t, "log"), Epoch: Epoch(rapid.Uint64().Draw(t, "epoch")), Number: 7},
			Prev: Key(43, "b0"), Confirm: rapid.Bool().Draw(t, "confirm"),
		}
		want.At.Key = want.Key()
		b, err := EncodeStored(want.Key(), &Entry{
			FromName: want.FromName, To: want.To, Group: want.Group, Time: want.Time, Text: want.Text, Kind: want.Kind, By: want.By,
			Confirm: want.Confirm,
		})
		if err != nil {
			t.Fatal(err)
		}
		key, entry, err := SplitStored(b)
		if err != nil {
			t.Fatal(err)
		}
		stored := &Stored{Key: key, Entry: bytes.Clone(entry), Prev: want.Prev, At: Position{Log: want.At.Log, Epoch: want.At.Epoch, Number: 7}.Mark()}
		got, err := stored.Message()
		if err != nil || got != want {
			t.Fatalf("read back %+v, want %+v, error %v", got, want, err)
		}
		clear(stored.Entry)
		if got != want {
			t.Fatal("the message shares the entry's memory")
		}
	})
}

func TestBrokenStoredEntryIsAnError(t *testing.T) {
	if _, _, err := SplitStored([]byte("42:a1")); err == nil {
		t.Error("an entry without a line feed was split")
	}
	for name, s := range map[string]*Stored{
		"nil":                         nil,
		"empty":                       {},
		"an entry that is cut":        {Key: "42:a1", Entry: []byte{0x0a, 9}},
		"a text that is not UTF-8":    {Key: "42:a1", Entry: []byte{0x2a, 1, 0xff}},
		"a key that nobody can write": {Key: "a1"},
	} {
		if m, err := s.Message(); err == nil {
			t.Errorf("%s was read as %+v", name, m)
		}
	}
	if _, err := EncodeStored("42:a1", &Entry{Text: "\xff"}); err == nil {
		t.Error("a text that is not UTF-8 was stored")
	}
}

func TestPushCarriesTheMessage(t *testing.T) {
	want := Message{
		ID: "a1", From: 42, FromName: "alice", To: 43, Text: "hi", Time: 1700000000000,
		At: Position{Epoch: 0xe0c4, Number: 8, Key: "42:a1"}, Prev: "43:b7", Confirm: true,
	}
	f := want.Frame()
	if f.At.Key != "" {
		t.Error("the push repeats the key that its sender and id tell")
	}
	b := encode(t, f)
	var back Frame
	if err := back.Unmarshal(b[1:]); err != nil {
		t.Fatal(err)
	}
	if got := back.Message(); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	text, err := AppendJSON(nil, f)
	if err != nil {
		t.Fatal(err)
	}
	if err := back.UnmarshalJSON(text); err != nil || back.Message() != want {
		t.Errorf("in JSON %+v, want %+v, error %v", back.Message(), want, err)
	}
}

func TestPositionsSurviveEveryForm(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.SliceOf(rapid.Custom(func(t *rapid.T) Position {
			return Position{
				Log: rapid.Int64().Draw(t, "log"), Epoch: Epoch(rapid.Uint64().Draw(t, "epoch")),
				Number: rapid.Int64().Draw(t, "number"), Key: rapid.String().Draw(t, "key"),
			}
		})).Draw(t, "positions")
		marks := Positions(Marks(want))
		text, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		var parsed []Position
		if err := json.Unmarshal(text, &parsed); err != nil {
			t.Fatal(err)
		}
		for i := range want {
			if marks[i] != want[i] || parsed[i] != want[i] {
				t.Fatalf("%+v became %+v and %+v", want[i], marks[i], parsed[i])
			}
		}
	})
}

func TestNilMarkIsTheZeroPosition(t *testing.T) {
	if got := (*Mark)(nil).Position(); got != (Position{}) {
		t.Errorf("%+v", got)
	}
	if got := (Position{}).Mark(); !proto.Equal(got, &Mark{}) {
		t.Errorf("%v", got)
	}
}

func TestEpochIsSixteenHexDigits(t *testing.T) {
	b, err := json.Marshal(Position{Epoch: 0xe0, Number: 1})
	if want := `{"log":0,"epoch":"00000000000000e0","number":1}`; err != nil || string(b) != want {
		t.Errorf("%s, want %s, error %v", b, want, err)
	}
}
