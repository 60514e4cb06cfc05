package reports

import (
	"context"
	"fmt"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/record/op"
)

// Filing is a report of one user about one message.
type Filing struct {
	User   int64
	Reason string // proto.ReasonSpam or one like it
	Note   string // may be empty
	At     proto.Position
	Stored *proto.Stored // the message at that place, as the log has it
}

// File files a report. If the user has reported the message before, or a moderator has
// decided about it, nothing changes. If Config.Replicas is set and File returns nil,
// replicas have the report. The error is ErrFull, ErrTooMany, op.ErrUnavailable or
// op.ErrUnknown. Repeating is harmless.
func (r *Reports) File(ctx context.Context, f Filing) error {
	id := idOf(f.User, f.At)
	entry := append([]byte(f.Stored.GetKey()+"\n"), f.Stored.GetEntry()...)
	o := &op.Op{
		Key: openKey, Script: fileScript, Keys: []string{openKey, reportKey(id), userKey(f.User)}, Write: true,
		Args: []any{id, f.User, f.Reason, f.Note, entry, Life.Milliseconds(), MostOpen, MostOfUser, MostReporters},
	}
	r.db.Accept(ctx, "report", o)
	err := o.Err
	if err == nil {
		switch op.Text(o.Reply[0]) {
		case "full":
			err = ErrFull
		case "many":
			err = ErrTooMany
		}
	}
	if err != nil {
		return fmt.Errorf("report of %d: %w", f.User, err)
	}
	return nil
}
