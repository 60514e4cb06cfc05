package migrate

import (
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/migrate/format"
	"github.com/cim-go/cim/routefn/record"
)

// ExportUser writes what a store has of one account, as JSON lines like those of Export.
// First comes the account. Then comes each group that it belongs to, with its joining and
// the messages that it may read. Then come its own messages to everyone, and its inbox,
// which has what it wrote and got. Members other than the account are not written, so the
// lines are for reading, and not for an import. ExportUser blocks as Export does. If
// there is no such account, it writes nothing, and its error wraps record.ErrNoUser.
func ExportUser(ctx context.Context, cfg ExportConfig, user int64, w io.Writer) (Result, error) {
	if _, err := cfg.Store.AccountByID(ctx, user); err != nil {
		return Result{}, fmt.Errorf("export account %d: %w", user, err)
	}
	return exportLines(cfg, w, func(e *exporter) error { return e.user(ctx, user) })
}

func (e *exporter) user(ctx context.Context, user int64) error {
	if err := e.accounts(ctx, []int64{user}); err != nil {
		return err
	}
	groups, err := e.Store.Groups(ctx, user)
	if err != nil {
		return err
	}
	for _, g := range groups {
		if err := e.groupOf(ctx, user, g); err != nil {
			return fmt.Errorf("export group %d: %w", g.Group, err)
		}
	}
	everyone := record.LogPart{After: proto.Position{Log: proto.Everyone}}
	err = e.log(ctx, everyone, func(p record.Pulled, _ int64) error {
		return e.texts(p, func(m *format.Message, _ *proto.Entry) bool {
			m.Group = proto.Everyone
			return m.From == user
		})
	})
	if err != nil {
		return err
	}
	return e.inboxes(ctx, []int64{user})
}

// groupOf writes a group as one of its members knows it: the group, the joining, and the
// messages since then.
func (e *exporter) groupOf(ctx context.Context, user int64, g record.Group) error {
	joined, err := e.Store.JoinedAt(ctx, g.Group, []record.Account{{User: user}})
	if err != nil || joined[0] == 0 { // it has left meanwhile
		return err
	}
	if err := e.write(format.Group{Kind: format.KindGroup, Group: g.Group, Name: g.Name, Creator: g.Creator}); err != nil {
		return err
	}
	e.Groups.New++
	if err := e.member(g.Group, user); err != nil {
		return err
	}
	return e.log(ctx, record.LogPart{After: proto.Position{Log: g.Group}}, func(p record.Pulled, _ int64) error {
		p.Entries = slices.DeleteFunc(p.Entries, func(s *proto.Stored) bool { return s.At.Number <= joined[0] })
		return e.texts(p, func(m *format.Message, _ *proto.Entry) bool {
			m.Group = g.Group
			return true
		})
	})
}
