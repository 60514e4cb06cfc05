package record

import (
	"github.com/cim-go/cim/routefn/limit"
	"github.com/cim-go/cim/routefn/record/logref"
)

// With Config.Limits.Inboxes, an inbox can be full. A message waits until a device of the
// inbox's owner has fetched it. That is, the device has acknowledged the message, or
// pulled the entries behind it. As long as a message waits, only Retention.Age removes
// it. So a full inbox must refuse messages (limit.Places). It always takes the owner's
// own messages, which do not wait.
//
// While few entries wait in an inbox, no sender can hold too many places, and messages
// are stored without a script. The answer to each message shows how many entries wait. If
// many wait, or if this Store has not seen the inbox, the script decides (room.lua). If
// another Store stores messages at the same time, a sender may get more places than its
// share, for one call at most. The store keeps these messages.
//
// Own messages among waiting ones are not removed. So if a user sends a lot and fetches
// nothing, the list grows. When it has twice Retention.Count entries, the user's messages
// are refused, too.

// bounded reports whether the log is an inbox that can be full.
func (s *Store) bounded(l logref.Ref) bool { return s.limits.Inboxes && l.User != 0 }

func (s *Store) places() limit.Places { return limit.PlacesOf(s.retention.Count) }

// bound adds the arguments by which append.lua refuses messages for which an inbox has no
// place.
func (s *Store) bound(args []any) []any {
	p := s.places()
	return append(args, p.All, p.Sender, p.Strangers, s.retention.Age)
}

// boundKeys returns the further keys of a script that counts places.
func boundKeys(l logref.Ref) []string { return []string{l.Counts(), l.Receivers()} }
