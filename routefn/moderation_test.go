package routefn

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/audit"
	"github.com/cim-go/cim/proto/wait"
	"github.com/cim-go/cim/routefn/limit"
	"github.com/cim-go/cim/routefn/record"
	"github.com/cim-go/cim/routefn/record/reports"
	"github.com/cim-go/cim/routefn/role"
)

// shown returns the message with an id, as its reader pulls it.
func (w *world) shown(token string, log int64, id string) proto.Message {
	w.t.Helper()
	for _, m := range w.pull(token, proto.Position{Log: log}).Messages {
		if m.ID == id {
			return m
		}
	}
	w.t.Fatalf("%s is not shown in log %d", id, log)
	return proto.Message{}
}

// complain reports a message as spam, and returns the code.
func (w *world) complain(token string, at proto.Position) proto.Code {
	w.t.Helper()
	return w.post(proto.PathReport, token, proto.ReportMessage{At: at, Reason: proto.ReasonSpam}, nil)
}

// appoint gives a user a role in the system.
func (w *world) appoint(user int64, r role.System) {
	w.t.Helper()
	if err := w.route.cfg.Store.SetSystemRole(w.t.Context(), user, r); err != nil {
		w.t.Fatal(err)
	}
}

// queue returns all open reports, a page of one after another.
func (w *world) queue(token string) (list []proto.Report) {
	w.t.Helper()
	for after := int64(0); ; {
		var page proto.ReportsAnswer
		if code := w.get(fmt.Sprintf("%s?limit=1&after=%d", proto.PathReports, after), token, &page); code != proto.OK {
			w.t.Fatalf("list reports: %v", code)
		}
		if list = append(list, page.Reports...); page.Next == 0 {
			if int(page.Total) != len(list) {
				w.t.Errorf("%d reports of %d", len(list), page.Total)
			}
			return list
		}
		after = page.Next
	}
}

// closing posts a decision about a report.
func (w *world) closing(token, report, decision, note string, want proto.Code) (closed proto.ReportClosed) {
	w.t.Helper()
	code := w.post(proto.PathReportClose, token, proto.CloseReport{ID: report, Decision: decision, Note: note}, &closed)
	if code != want {
		w.t.Errorf("%s report %s: %v, want %v", decision, report, code, want)
	}
	return closed
}

// Moderators see what the log has, not what a reporter claims. They decide once, and the audit log
// has the decisions and who tried.
func TestModeratorsDecideAboutWhatUsersReport(t *testing.T) {
	var written journal
	w := newWorld(t, func(c *Config) { c.Audit = audit.New(slog.NewJSONHandler(&written, nil)) })
	alice, bob, carol, dave := w.connect("alice", "phone"), w.connect("bob", "phone"), w.connect("carol", "phone"), w.connect("dave", "phone")
	w.appoint(carol.User, role.Moderator)
	w.appoint(dave.User, role.Operator)
	group := w.createGroup(bob.Token, proto.CreateGroup{ID: "g", Members: []int64{alice.User, carol.User}})
	w.send(bob.Token, proto.SendMessage{ID: "m1", To: alice.User, Text: "buy this"})
	w.send(bob.Token, proto.SendMessage{ID: "m2", Group: group, Text: "and that"})
	one, two := w.shown(alice.Token, proto.Inbox, "m1"), w.shown(alice.Token, group, "m2")
	q := proto.ReportMessage{At: one.At, Reason: proto.ReasonAbuse, Note: "every day"}
	for range 2 {
		if code := w.post(proto.PathReport, alice.Token, q, nil); code != proto.OK {
			t.Fatal(code)
		}
	}
	for _, token := range []string{alice.Token, carol.Token} {
		if code := w.complain(token, two.At); code != proto.OK {
			t.Fatal(code)
		}
	}
	list := w.queue(carol.Token)
	want := []proto.ReportedMessage{
		{ID: "m1", From: bob.User, FromName: "bob", To: alice.User, Text: "buy this", Time: one.Time},
		{ID: "m2", From: bob.User, FromName: "bob", Group: group, Text: "and that", Time: two.Time},
	}
	if len(list) != 2 || list[0].Message != want[0] || list[1].Message != want[1] || list[0].Users != 1 || list[1].Users != 2 {
		t.Fatalf("reports are %+v", list)
	}
	if s := list[0].Statements; len(s) != 1 || s[0].Reason != proto.ReasonAbuse || s[0].Note != "every day" || s[0].Time == 0 {
		t.Errorf("statements are %+v", s)
	}
	for _, token := range []string{alice.Token, bob.Token} {
		if code := w.get(proto.PathReports, token, nil); code != proto.Forbidden {
			t.Errorf("a user lists reports: %v", code)
		}
		w.closing(token, list[0].ID, proto.DecisionDismiss, "", proto.Forbidden)
	}
	w.closing(carol.Token, list[0].ID, "ban", "", proto.Invalid)
	w.closing(carol.Token, list[0].ID, proto.DecisionResolve, "", proto.Invalid)
	w.closing(carol.Token, "nothing", proto.DecisionDismiss, "", proto.UnknownReport)
	for range 2 {
		if closed := w.closing(carol.Token, list[0].ID, proto.DecisionResolve, "told bob to stop", proto.OK); closed.From != bob.User {
			t.Errorf("closed %+v", closed)
		}
	}
	w.closing(dave.Token, list[0].ID, proto.DecisionResolve, "told bob to stop", proto.Decided)
	w.closing(carol.Token, list[0].ID, proto.DecisionDismiss, "", proto.Decided)
	if closed := w.closing(dave.Token, list[1].ID, proto.DecisionDismiss, "", proto.OK); closed.Group != group {
		t.Errorf("closed %+v", closed)
	}
	if code := w.complain(alice.Token, one.At); code != proto.OK || len(w.queue(dave.Token)) != 0 {
		t.Errorf("a report of what was decided: %v", code)
	}
	entry := fmt.Sprintf(`"by":%d,"report":"%s","decision":"resolve","note":"told bob to stop","user":%d`,
		carol.User, list[0].ID, bob.User)
	wait.Until(t, "the audit log has the decisions", func() bool {
		return written.count(`"report close refused"`) == 7 && written.count(`"report close"`) == 3 && written.count(entry) == 2
	})
	if written.count("buy this") != 0 || written.count("every day") != 0 {
		t.Errorf("the audit log has a text: %s", written.text.String())
	}
}

// Of two moderators who decide at once, at two routes, one gets a conflict.
func TestTwoModeratorsWhoDecideAtOnce(t *testing.T) {
	w := newWorld(t, nil)
	other := w.another()
	alice, bob, carol, dave := w.connect("alice", "phone"), w.connect("bob", "phone"), w.connect("carol", "phone"), w.connect("dave", "phone")
	w.appoint(carol.User, role.Moderator)
	w.appoint(dave.User, role.Moderator)
	for i := range 10 {
		id := fmt.Sprint("m", i)
		w.send(bob.Token, proto.SendMessage{ID: id, To: alice.User, Text: "hi"})
		if code := w.complain(alice.Token, w.shown(alice.Token, proto.Inbox, id).At); code != proto.OK {
			t.Fatal(code)
		}
		q := proto.CloseReport{ID: w.queue(carol.Token)[0].ID, Decision: proto.DecisionDismiss}
		var codes [2]proto.Code
		var both sync.WaitGroup
		both.Go(func() { codes[0] = w.post(proto.PathReportClose, carol.Token, q, nil) })
		both.Go(func() { codes[1] = other.post(proto.PathReportClose, dave.Token, q, nil) })
		both.Wait()
		if codes[0]+codes[1] != proto.Decided || codes[0]*codes[1] != proto.OK {
			t.Errorf("the two are answered %v", codes)
		}
	}
}

// The answer for a message that the user may not read is that for one that does not
// exist, byte for byte.
func TestReportsTellNothingOfMessagesOfOthers(t *testing.T) {
	w := newStoredWorld(t, record.Config{}, nil)
	alice, bob, carol := w.connect("alice", "phone"), w.connect("bob", "phone"), w.connect("carol", "phone")
	w.appoint(carol.User, role.Moderator)
	group := w.createGroup(bob.Token, proto.CreateGroup{ID: "g", Members: []int64{alice.User}})
	for _, id := range []string{"m1", "m2"} {
		w.send(bob.Token, proto.SendMessage{ID: id, To: alice.User, Text: "hi"})
		w.send(bob.Token, proto.SendMessage{ID: "g" + id, Group: group, Text: "hi"})
		w.send(bob.Token, proto.SendMessage{ID: "all" + id, Group: proto.Everyone, Text: "hi"})
	}
	private, inGroup := w.shown(alice.Token, proto.Inbox, "m1").At, w.shown(alice.Token, group, "gm1").At
	forAll := w.shown(alice.Token, proto.Everyone, "allm1").At
	newcomer := w.connect("dave", "phone")
	changed := func(at proto.Position, change func(*proto.Position)) proto.Position {
		change(&at)
		return at
	}
	none := changed(private, func(p *proto.Position) { p.Number = 1000 })
	refused := func(token string, at proto.Position) string {
		t.Helper()
		body, err := json.Marshal(proto.ReportMessage{At: at, Reason: proto.ReasonSpam})
		if err != nil {
			t.Fatal(err)
		}
		status, _, text := w.call("POST", proto.PathReport, token, "application/json", string(body))
		return fmt.Sprint(status, " ", string(text))
	}
	want := refused(carol.Token, none)
	if !strings.Contains(want, fmt.Sprint(int(proto.UnknownMessage))) || !strings.HasPrefix(want, "404") {
		t.Fatalf("what does not exist is answered %s", want)
	}
	for name, got := range map[string]string{
		"a message of others":       refused(carol.Token, private),
		"in a strange group":        refused(carol.Token, inGroup),
		"in no group":               refused(carol.Token, changed(inGroup, func(p *proto.Position) { p.Log++ })),
		"before the account":        refused(newcomer.Token, forAll),
		"another message there":     refused(alice.Token, changed(private, func(p *proto.Position) { p.Key = proto.Key(bob.User, "m2") })),
		"another writer":            refused(alice.Token, changed(private, func(p *proto.Position) { p.Key = proto.Key(carol.User, "m1") })),
		"another epoch":             refused(alice.Token, changed(private, func(p *proto.Position) { p.Epoch++ })),
		"the beginning of the log":  refused(alice.Token, changed(private, func(p *proto.Position) { p.Number = 1 })),
		"the number after the last": refused(alice.Token, changed(private, func(p *proto.Position) { p.Number += 2 })),
		"who joined the group":      refused(alice.Token, changed(inGroup, func(p *proto.Position) { p.Number--; p.Key = proto.Key(carol.User, "x") })),
	} {
		if got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	for name, q := range map[string]proto.ReportMessage{
		"no key":       {At: changed(private, func(p *proto.Position) { p.Key = "" }), Reason: proto.ReasonSpam},
		"no number":    {At: changed(private, func(p *proto.Position) { p.Number = 0 }), Reason: proto.ReasonSpam},
		"no reason":    {At: private},
		"a long note":  {At: private, Reason: proto.ReasonOther, Note: strings.Repeat("x", proto.MaxReportNote+1)},
		"a line feed":  {At: private, Reason: proto.ReasonOther, Note: "a\nb"},
		"an own text":  {At: changed(private, func(p *proto.Position) { p.Key = proto.Key(alice.User, "m1") }), Reason: proto.ReasonSpam},
		"a wrong id":   {At: changed(private, func(p *proto.Position) { p.Key = "7:a b" }), Reason: proto.ReasonSpam},
		"another word": {At: private, Reason: "boring"},
	} {
		if code := w.post(proto.PathReport, alice.Token, q, nil); code != proto.Invalid {
			t.Errorf("%s: %v", name, code)
		}
	}
	if list := w.queue(carol.Token); len(list) != 0 {
		t.Errorf("reports are %+v", list)
	}
}

// A former member of a group reports what was shown before, and nothing later. A user in
// the group of everyone reports what is said there.
func TestFormerMemberReportsWhatWasShown(t *testing.T) {
	w := newWorld(t, nil)
	alice, bob, carol := w.connect("alice", "phone"), w.connect("bob", "phone"), w.connect("carol", "phone")
	w.appoint(carol.User, role.Moderator)
	group := w.createGroup(bob.Token, proto.CreateGroup{ID: "g", Members: []int64{alice.User}})
	w.send(bob.Token, proto.SendMessage{ID: "m1", Group: group, Text: "before"})
	before := w.shown(alice.Token, group, "m1").At
	if code := w.post(proto.PathGroupLeave, alice.Token, proto.LeaveGroup{Group: group}, nil); code != proto.OK {
		t.Fatal(code)
	}
	w.send(bob.Token, proto.SendMessage{ID: "m2", Group: group, Text: "after"})
	w.send(bob.Token, proto.SendMessage{ID: "m3", Group: proto.Everyone, Text: "for all"})
	if code := w.complain(alice.Token, w.shown(bob.Token, group, "m2").At); code != proto.UnknownMessage {
		t.Errorf("what was said after the leaving: %v", code)
	}
	for _, at := range []proto.Position{before, w.shown(alice.Token, proto.Everyone, "m3").At} {
		if code := w.complain(alice.Token, at); code != proto.OK {
			t.Errorf("%+v: %v", at, code)
		}
	}
	if list := w.queue(carol.Token); len(list) != 2 || list[0].Message.Text != "before" || list[1].Message.Text != "for all" {
		t.Errorf("reports are %+v", list)
	}
}

// A message that is not kept any more cannot be reported. One that was reported before
// stays in the queue with its text.
func TestReportOutlivesTheMessage(t *testing.T) {
	w := newStoredWorld(t, record.Config{Retention: record.Retention{Count: 2}}, nil)
	alice, bob, carol := w.connect("alice", "phone"), w.connect("bob", "phone"), w.connect("carol", "phone")
	w.appoint(carol.User, role.Moderator)
	group := w.createGroup(bob.Token, proto.CreateGroup{ID: "g", Members: []int64{alice.User}})
	var places []proto.Position
	for i := range 2 {
		id := fmt.Sprint("m", i)
		w.send(bob.Token, proto.SendMessage{ID: id, Group: group, Text: "text " + id})
		places = append(places, w.shown(alice.Token, group, id).At)
	}
	if code := w.complain(alice.Token, places[0]); code != proto.OK {
		t.Fatal(code)
	}
	wait.Until(t, "the messages are trimmed", func() bool {
		w.send(bob.Token, proto.SendMessage{ID: fmt.Sprint("more", len(places)), Group: group, Text: "more"})
		places = append(places, proto.Position{})
		return w.pull(alice.Token, proto.Position{Log: group}).Oldest > places[1].Number
	})
	if code := w.complain(alice.Token, places[1]); code != proto.UnknownMessage {
		t.Errorf("what is not kept: %v", code)
	}
	if list := w.queue(carol.Token); len(list) != 1 || list[0].Message.Text != "text m0" {
		t.Errorf("reports are %+v", list)
	}
}

func TestReportsOverTheirRateAreRefused(t *testing.T) {
	w := newLimitedWorld(t, limit.Limits{Reports: hourly(2)}, nil)
	alice, bob, carol := w.connect("alice", "phone"), w.connect("bob", "phone"), w.connect("carol", "phone")
	w.appoint(carol.User, role.Moderator)
	for i, want := range []proto.Code{proto.OK, proto.OK, proto.Limited} {
		id := fmt.Sprint("m", i)
		w.send(bob.Token, proto.SendMessage{ID: id, To: alice.User, Text: "hi"})
		if code := w.complain(alice.Token, w.shown(alice.Token, proto.Inbox, id).At); code != want {
			t.Errorf("report %d: %v, want %v", i, code, want)
		}
	}
	if list := w.queue(carol.Token); len(list) != 2 {
		t.Errorf("reports are %+v", list)
	}
}

// A user who has too many open reports, or finds the queue full, reads that.
func TestReportThatFindsNoPlaceIsToldWhy(t *testing.T) {
	w := newWorld(t, nil)
	alice, bob := w.connect("alice", "phone"), w.connect("bob", "phone")
	w.send(bob.Token, proto.SendMessage{ID: "m1", To: alice.User, Text: "hi"})
	body, err := json.Marshal(proto.ReportMessage{At: w.shown(alice.Token, proto.Inbox, "m1").At, Reason: proto.ReasonSpam})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now().UnixMilli()
	for _, full := range []struct {
		key  string
		most int
		want string
	}{{"cim:{reports}:open", reports.MostOpen, "Too many reports wait"}, {"cim:{reports}:u:" + id(alice.User), reports.MostOfUser, "Too many of your reports"}} {
		fill := []string{"ZADD", full.key}
		for i := range full.most {
			fill = append(fill, id(now+int64(i)), fmt.Sprint("filler", i))
		}
		w.redisDo(fill...)
		status, _, text := w.call("POST", proto.PathReport, alice.Token, "application/json", string(body))
		if status != 409 || !strings.Contains(string(text), fmt.Sprint(int(proto.TooMany))) || !strings.Contains(string(text), full.want) {
			t.Errorf("%s: %d %s", full.key, status, text)
		}
	}
}

// The reports of a deleted account go, and those about what it wrote stay.
func TestDeletedReporterIsForgotten(t *testing.T) {
	w := newWorld(t, nil)
	alice, bob, carol := w.connect("alice", "phone"), w.connect("bob", "phone"), w.connect("carol", "phone")
	w.appoint(carol.User, role.Moderator)
	w.send(bob.Token, proto.SendMessage{ID: "m1", To: alice.User, Text: "to alice"})
	w.send(alice.Token, proto.SendMessage{ID: "m2", To: bob.User, Text: "to bob"})
	for token, id := range map[string]string{alice.Token: "m1", bob.Token: "m2"} {
		if code := w.complain(token, w.shown(token, proto.Inbox, id).At); code != proto.OK {
			t.Fatal(code)
		}
	}
	if code := w.post(proto.PathAccountDelete, alice.Token, proto.DeleteAccount{}, nil); code != proto.OK {
		t.Fatal(code)
	}
	w.hurry(alice.User)
	w.fire()
	if list := w.queue(carol.Token); len(list) != 1 || list[0].Message.Text != "to bob" || list[0].Message.FromName != "alice" {
		t.Errorf("reports are %+v", list)
	}
}
