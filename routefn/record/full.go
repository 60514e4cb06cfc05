package record

import (
	"github.com/cim-go/cim/routefn/limit"
	"github.com/cim-go/cim/routefn/record/logref"
)

// With Config.Limits.Inboxes, an inbox can be full. A message waits until a device of the
// inbox's owner has fetched it: has acknowledged it, or pulled what follows it. As long
// as a message waits, only Retention.Age removes it. So an inbox must refuse messages:
// see limit.Places. It always takes the owner's own messages, which do not wait.
//
// A message to an inbox is stored without a script while few entries wait, so that no
// sender can hold too many places. The answer to each message shows how many entries
// wait. If many do, or if this Store has not seen the inbox, the script decides: see
// room.lua. If another Store stores messages at the same time, a sender may get more
// places than its share, by one call at most. Nothing is removed for that.
//
// Own messages among waiting ones are not removed. So a user who sends a lot and fetches
// nothing is refused, too, when the list has twice Retention.Count entries.

// bounded reports whether the log is an inbox that can be full.
func (s *Store) bounded(l logref.Ref) bool { return s.limits.Inboxes && l.User != 0 }

func (s *Store) places() limit.Places { return limit.PlacesOf(s.retention.Count) }

// bound adds the arguments by which append.lua refuses what an inbox has no place for.
func (s *Store) bound(args []any) []any {
	p := s.places()
	return append(args, p.All, p.Sender, p.Strangers, s.retention.Age)
}

// boundKeys are the further keys of a script that counts places.
func boundKeys(l logref.Ref) []string { return []string{l.Counts(), l.Receivers()} }
