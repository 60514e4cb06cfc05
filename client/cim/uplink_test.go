package main

import (
	"context"
	"errors"
	"sync"

	"github.com/cim-go/cim/node/routes"
	"github.com/cim-go/cim/proto"
)

// uplink is a node's way to the route, in which a test stands.
type uplink struct {
	route *routes.Client

	mu     sync.Mutex
	around func(ctx context.Context, request any, call func() error) error
}

// set puts f around every call from now on; nil removes it. The node sees f's result,
// and not the result that the call returned to f.
func (u *uplink) set(f func(ctx context.Context, request any, call func() error) error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.around = f
}

func (u *uplink) do(ctx context.Context, request any, call func() error) error {
	u.mu.Lock()
	around := u.around
	u.mu.Unlock()
	if around == nil {
		return call()
	}
	return around(ctx, request, call)
}

func (u *uplink) Report(ctx context.Context, r *proto.ReportRequest) (answer *proto.ReportAnswer, err error) {
	err = u.do(ctx, r, func() (err error) { answer, err = u.route.Report(ctx, r); return err })
	return answer, err
}

func (u *uplink) Send(ctx context.Context, r *proto.SendRequest) (answer *proto.SendAnswer, err error) {
	err = u.do(ctx, r, func() (err error) { answer, err = u.route.Send(ctx, r); return err })
	return answer, err
}

func (u *uplink) Reconcile(ctx context.Context, r *proto.ReconcileRequest) (answer *proto.ReconcileAnswer, err error) {
	err = u.do(ctx, r, func() (err error) { answer, err = u.route.Reconcile(ctx, r); return err })
	return answer, err
}

func (u *uplink) Pull(ctx context.Context, r *proto.PullRequest) (answer *proto.PullAnswer, err error) {
	err = u.do(ctx, r, func() (err error) { answer, err = u.route.Pull(ctx, r); return err })
	return answer, err
}

func (u *uplink) Move(ctx context.Context, r *proto.MoveRequest) (answer *proto.MoveAnswer, err error) {
	err = u.do(ctx, r, func() (err error) { answer, err = u.route.Move(ctx, r); return err })
	return answer, err
}

func (u *uplink) Fire(ctx context.Context, r *proto.FireRequest) (answer *proto.FireAnswer, err error) {
	err = u.do(ctx, r, func() (err error) { answer, err = u.route.Fire(ctx, r); return err })
	return answer, err
}

var errLost = errors.New("lost on the way")

// holdClosings keeps reports of closed connections from the route until release
// is called; then arrived is closed once one has been answered.
func (u *uplink) holdClosings() (release func(), arrived <-chan struct{}) {
	gate, done := make(chan struct{}), make(chan struct{})
	var once sync.Once
	u.set(func(ctx context.Context, request any, call func() error) error {
		report, ok := request.(*proto.ReportRequest)
		if !ok || len(report.Closed) == 0 {
			return call()
		}
		select {
		case <-gate:
		case <-ctx.Done():
			return ctx.Err()
		}
		err := call()
		if err == nil {
			once.Do(func() { close(done) })
		}
		return err
	})
	return func() { close(gate) }, done
}
