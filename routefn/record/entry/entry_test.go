package entry

import (
	"strings"
	"testing"

	"github.com/cim-go/cim/proto"
)

func stored(t *testing.T, key string, e *proto.Entry) []byte {
	t.Helper()
	b, err := proto.EncodeStored(key, e)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestStoredEntryIsReadAtItsPlace(t *testing.T) {
	key := proto.Key(7, "id")
	b := stored(t, key, &proto.Entry{Text: "hi\nthere", Time: 5, To: 8})
	if got := KeyOf(string(b)); got != key {
		t.Errorf("key %q", got)
	}
	s, err := At(proto.Position{Epoch: 3, Number: 4}, "before", b)
	if err != nil {
		t.Fatal(err)
	}
	if want := (proto.Position{Epoch: 3, Number: 4, Key: key}); s.At.Position() != want || s.Key != key || s.Prev != "before" {
		t.Errorf("read %+v", s)
	}
	if e, err := Decode(s.Entry); err != nil || e.GetText() != "hi\nthere" || e.GetTime() != 5 || e.GetTo() != 8 {
		t.Errorf("decoded %v, %v", e, err)
	}
	if _, err := At(proto.Position{}, "", []byte("no line feed")); err == nil {
		t.Error("an entry without a key was read")
	}
}

func TestEntriesThatAreNoMessages(t *testing.T) {
	for name, c := range map[string]struct {
		key              string
		entry            *proto.Entry
		genesis, expired bool
	}{
		"genesis":     {GenesisKey, &proto.Entry{Time: 1, Kind: proto.Kind_GENESIS}, true, false},
		"expired":     {proto.Key(7, "1"), &proto.Entry{Time: 1 << 40, Kind: proto.Kind_EXPIRED}, false, true},
		"message":     {proto.Key(7, "2"), &proto.Entry{Time: 1, To: 8}, false, false},
		"long":        {proto.Key(7, "3"), &proto.Entry{Time: 1, Text: strings.Repeat("x", 100)}, false, false},
		"first of 10": {proto.Key(10, "genesis"), &proto.Entry{Time: 1}, false, false},
	} {
		s, err := At(proto.Position{}, "", stored(t, c.key, c.entry))
		if err != nil {
			t.Fatal(err)
		}
		if IsGenesis(s.Key) != c.genesis || IsExpired(s.Entry) != c.expired {
			t.Errorf("%s: genesis %v, expired %v", name, IsGenesis(s.Key), IsExpired(s.Entry))
		}
	}
}
