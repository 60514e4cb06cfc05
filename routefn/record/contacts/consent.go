package contacts

import (
	"context"
	"fmt"
	"strings"

	"github.com/cim-go/cim/routefn/record/logref"
	"github.com/cim-go/cim/routefn/record/op"
)

// Consent says who may do what with a user. Each field is proto.ByEveryone or one of the
// constants like it. An empty field means that the user has not chosen.
type Consent struct {
	Write string // who may write to the user
	Add   string // who may add the user to groups
	Find  string // who finds the user by the id
}

// Consent returns what a user has chosen. The only error is ErrUnavailable.
func (s *Contacts) Consent(ctx context.Context, user int64) (Consent, error) {
	key := logref.Ref{User: user}.Relations()
	o := op.Read(key, []any{"hget", key, "may"})
	s.db.Run(ctx, "consent", o)
	if o.Err != nil {
		return Consent{}, fmt.Errorf("consent of %d: %w", user, o.Err)
	}
	return parseConsent(op.Text(o.Reply[0])), nil
}

// SetConsent changes the choices whose fields are not empty, and returns all choices. The
// caller has checked the values. Repeating it is harmless. The error is ErrNoUser,
// ErrUnavailable or ErrUnknown.
func (s *Contacts) SetConsent(ctx context.Context, user int64, c Consent) (Consent, error) {
	o := change(user, consentScript, c.Write, c.Add, c.Find)
	s.inboxes.Change(ctx, "consent", []int64{user}, []*op.Op{o})
	if o.Err != nil {
		return Consent{}, fmt.Errorf("consent of %d: %w", user, o.Err)
	}
	return parseConsent(op.Text(o.Reply[1])), nil
}

func parseConsent(text string) Consent {
	f := strings.Fields(text)
	for len(f) < 3 {
		f = append(f, "")
	}
	for i, word := range f {
		if word == "-" {
			f[i] = ""
		}
	}
	return Consent{Write: f[0], Add: f[1], Find: f[2]}
}
