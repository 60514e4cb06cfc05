package record

import (
	"strconv"
	"testing"

	"github.com/cim-go/cim/proto"
)

func TestMarksAreForTheLatestThousandOfAnInbox(t *testing.T) {
	each(t, Config{}, func(t *testing.T, s *Store) {
		alice, bob, carol := register(t, s, "alice"), register(t, s, "bob"), register(t, s, "carol")
		const sent = 1010
		for first := 0; first < sent; first += 101 {
			var messages []Message
			for i := range min(101, sent-first) {
				messages = append(messages, private(alice, bob, strconv.Itoa(first+i)))
			}
			stored(t, s, messages...)
		}
		keys := func(ids ...int) (keys []string) {
			for _, id := range ids {
				keys = append(keys, proto.Key(alice, strconv.Itoa(id)))
			}
			return keys
		}
		list := []Shown{
			{User: bob, Keys: keys(sent-1, sent-100, sent-1000, 0, sent)},
			{User: carol, Keys: keys(sent - 1)},
			{User: bob},
		}
		found, sessions, err := s.Confirm(t.Context(), list, []int64{alice})
		if err != nil || len(sessions) != 1 {
			t.Fatal(sessions, err)
		}
		if len(found[0]) != 3 || len(found[1]) != 0 || len(found[2]) != 0 {
			t.Errorf("of a user's entries, another's and none: %v, want the first three of the first", found)
		}
	})
}
