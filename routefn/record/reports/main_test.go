package reports

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/wait"
	"github.com/cim-go/cim/routefn/record/op"
	"github.com/cim-go/cim/routefn/record/servers"
	"github.com/cim-go/cim/routefn/record/storetest"
)

func TestMain(m *testing.M) { os.Exit(storetest.Main(m)) }

const alice, bob, carol, moderator, group = 7, 8, 9, 11, 900

func open(t testing.TB, url string, replicas int, patience time.Duration) *Reports {
	t.Helper()
	cfg := op.Config{Config: servers.Config{URL: url, DialTimeout: wait.Limit, ReadTimeout: 2 * wait.Limit}, AllowEmbedded: true, Replicas: replicas, ReplicaTimeout: patience}
	db, err := op.Dial(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return New(db)
}

// each runs a test on every kind of store, which it empties first, and on Valkey.
func each(t *testing.T, f func(*testing.T, *Reports)) {
	run := func(t *testing.T, url string) {
		r := open(t, url, 0, wait.Limit)
		storetest.Flush(t, r.db.Topology)
		f(t, r)
	}
	storetest.Each(t, run)
	t.Run("valkey", func(t *testing.T) { run(t, storetest.Valkey(t).URL()) })
}

// said is a message of bob's in the group's log.
func said(number int64, text string) (proto.Position, *proto.Stored) {
	at := proto.Position{Log: group, Epoch: 5, Number: number, Key: proto.Key(bob, fmt.Sprint("m", number))}
	stored, err := proto.EncodeStored(at.Key, &proto.Entry{FromName: "bob", Group: group, Text: text, Time: 1000 + number})
	if err != nil {
		panic(err)
	}
	_, entry, err := proto.SplitStored(stored)
	if err != nil {
		panic(err)
	}
	return at, &proto.Stored{Key: at.Key, Entry: entry, At: at.Mark()}
}

func (r *Reports) try(ctx context.Context, user, number int64, reason, note string) error {
	at, stored := said(number, fmt.Sprint("text ", number))
	return r.File(ctx, Filing{User: user, Reason: reason, Note: note, At: at, Stored: stored})
}

func (r *Reports) file(t testing.TB, user, number int64, reason, note string) {
	t.Helper()
	if err := r.try(t.Context(), user, number, reason, note); err != nil {
		t.Fatal(err)
	}
}

// list returns all open reports, and checks that pages of different sizes have the same.
func (r *Reports) list(t testing.TB) []Report {
	t.Helper()
	all, next, total, err := r.List(t.Context(), 0, MostOpen)
	if err != nil || next != 0 || total != int64(len(all)) {
		t.Fatalf("%d reports of %d, next %d, %v", len(all), total, next, err)
	}
	var paged []Report
	for after := int64(0); ; {
		page, next, _, err := r.List(t.Context(), after, 2)
		if err != nil || len(page) > 2 {
			t.Fatalf("a page of %d, %v", len(page), err)
		}
		if paged = append(paged, page...); next == 0 {
			break
		}
		after = next
	}
	if len(all) < 20 && fmt.Sprint(paged) != fmt.Sprint(all) {
		t.Fatalf("in pages %v, at once %v", paged, all)
	}
	return all
}

// do sends one command for a test, and returns its answer.
func (r *Reports) do(t testing.TB, args ...any) any {
	t.Helper()
	o := op.Write(openKey, args)
	if r.db.Run(t.Context(), "report", o); o.Err != nil {
		t.Fatal(o.Err)
	}
	return o.Reply[0]
}
