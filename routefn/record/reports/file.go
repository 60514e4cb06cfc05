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
	Reason string // proto.ReasonSpam and its like
	Note   string // may be empty
	At     proto.Position
	Stored *proto.Stored // the message at that place, as the log has it
}

// File files a report. A second one of the same user about the same message changes
// nothing, and neither does one about a message that was decided. If File returns nil,
// replicas have the report when they must have writes. The error is ErrFull, ErrTooMany,
// op.ErrUnavailable or op.ErrUnknown. Repeating is harmless.
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
