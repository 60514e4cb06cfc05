package migrate

import (
	"context"
	"io"

	"github.com/cim-go/cim/routefn/migrate/format"
	"github.com/cim-go/cim/routefn/takeout"
)

// ExportUser writes all that a store has of one account, as JSON lines like those of
// Export. The account's user gets the same lines from a route (see package takeout). The
// lines lack the other members of groups, so they are for reading. ExportUser blocks as
// Export does. If there is no such account, it writes nothing, and its error wraps
// record.ErrNoUser.
func ExportUser(ctx context.Context, cfg ExportConfig, user int64, w io.Writer) (Result, error) {
	var r Result
	x := takeout.Exporter{Store: cfg.Store, Credentials: cfg.Credentials}
	for cursor, last := "", false; !last; {
		p, err := x.Page(ctx, user, cursor)
		if err != nil {
			return r, err
		}
		if _, err := w.Write(p.Lines); err != nil {
			return r, err
		}
		r.Accounts.New += int64(p.Count[format.KindAccount])
		r.Groups.New += int64(p.Count[format.KindGroup])
		r.Members.New += int64(p.Count[format.KindMember])
		r.Messages.New += int64(p.Count[format.KindMessage])
		if cfg.Progress != nil {
			cfg.Progress(r)
		}
		cursor, last = p.Next, p.Next == ""
	}
	return r, nil
}
