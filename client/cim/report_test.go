package main

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/cim-go/cim/client"
	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/wait"
	"github.com/cim-go/cim/routefn/role"
)

// refusedBy returns the code in an error of the SDK, or proto.OK.
func refusedBy(err error) proto.Code {
	if refused, ok := errors.AsType[*proto.Error](err); ok {
		return refused.Code
	}
	return proto.OK
}

// openReports returns the texts of the open reports, as the SDK lists them.
func openReports(t *testing.T, moderator *client.Client) (list []client.Report, texts string) {
	t.Helper()
	for one, err := range moderator.Reports(wait.Context(t)) {
		if err != nil {
			t.Fatal(err)
		}
		list, texts = append(list, one), texts+one.Message.Text+"|"
	}
	return list, texts
}

// Users report what was pushed to them, to one user, a group and everyone. A moderator
// decides by the SDK, an operator on the store, and what one of them has decided the other
// finds decided.
func TestWhatWasShownIsReportedAndDecided(t *testing.T) {
	t.Parallel()
	redis := startRedis(t)
	s := newSystem(t, plan{store: redis.URL()})
	ctx := wait.Context(t)
	alice := connectAs(t, client.Config{Routes: []string{s.url}, Name: "alice", Device: "phone"})
	bob := connectAs(t, client.Config{Routes: []string{s.url}, Name: "bob", Device: "phone"})
	carol := connectAs(t, client.Config{Routes: []string{s.url}, Name: "carol", Device: "phone"})
	if err := s.store.SetSystemRole(ctx, carol.Self().User, role.Moderator); err != nil {
		t.Fatal(err)
	}
	group, err := bob.CreateGroup(ctx, "friends", alice.Self().User)
	if err != nil {
		t.Fatal(err)
	}
	received := func(text string) client.Message {
		t.Helper()
		for {
			m, err := alice.Receive(ctx)
			if err != nil {
				t.Fatal(err)
			}
			if m.Text == text {
				return m
			}
		}
	}
	for i, m := range []client.Outgoing{{To: alice.Self().User}, {Group: group.Group}, {Group: proto.Everyone}} {
		m.Text = fmt.Sprint("buy this ", i)
		if _, err := bob.SendMessage(ctx, m); err != nil {
			t.Fatal(err)
		}
		if err := alice.Report(ctx, received(m.Text), proto.ReasonSpam, "again"); err != nil {
			t.Fatal(err)
		}
	}
	list, texts := openReports(t, carol)
	if texts != "buy this 0|buy this 1|buy this 2|" || list[0].Message.To != alice.Self().User || list[1].Message.Group != group.Group {
		t.Fatalf("reports are %+v", list)
	}
	if _, err := alice.ReportsPage(ctx, 0, 1); refusedBy(err) != proto.Forbidden {
		t.Errorf("a user lists reports: %v", err)
	}
	if err := alice.CloseReport(ctx, list[0].ID, proto.DecisionDismiss, ""); refusedBy(err) != proto.Forbidden {
		t.Errorf("a user closes a report: %v", err)
	}
	if err := bob.Report(ctx, client.Message{From: alice.Self().User, ID: "m", At: proto.Position{Epoch: 1, Number: 2}}, proto.ReasonSpam, ""); refusedBy(err) != proto.UnknownMessage {
		t.Errorf("a message that bob was not shown: %v", err)
	}
	out, err := operate(t, "report", "list", "-redis", redis.URL())
	if err != nil || !strings.Contains(out, list[0].ID) || !strings.Contains(out, "to everyone: buy this 2") || !strings.Contains(out, "reported by 1: spam (again)") {
		t.Errorf("cim report list: %v, %s", err, out)
	}
	if err := carol.CloseReport(ctx, list[0].ID, proto.DecisionResolve, "told bob to stop"); err != nil {
		t.Error(err)
	}
	for _, wrong := range [][]string{{"close", list[0].ID, "dismiss"}, {"close", list[1].ID, "ban"}, {"close", list[1].ID, "resolve"}, {"close", "x", "dismiss"}, {"open"}} {
		if out, err := operate(t, "report", append(wrong, "-redis", redis.URL())...); err == nil {
			t.Errorf("cim report %v: %s", wrong, out)
		}
	}
	if out, err := operate(t, "report", "close", list[1].ID, "resolve", "told", "bob", "-redis", redis.URL()); err != nil {
		t.Errorf("cim report close: %v, %s", err, out)
	}
	if err := carol.CloseReport(ctx, list[1].ID, proto.DecisionDismiss, ""); refusedBy(err) != proto.Decided {
		t.Errorf("what the operator has decided: %v", err)
	}
	if _, texts := openReports(t, carol); texts != "buy this 2|" {
		t.Errorf("open are %s", texts)
	}
	if err := alice.DeleteAccount(ctx, ""); err != nil {
		t.Fatal(err)
	}
	wait.Until(t, "the report of the deleted account is gone", func() bool {
		_, texts := openReports(t, carol)
		return texts == ""
	})
}
