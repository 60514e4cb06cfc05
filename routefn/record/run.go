package record

import "context"

// run sends ops, to all servers at once, in pipelines of at most maxPipeline ops. It
// blocks until all ops are answered or ctx ends. Each op then has its reply or its
// error. One server executes its ops in their order. If a pipeline to a server fails,
// or after half of Config.ReadTimeout, that server gets no further pipeline. Ops that
// were not sent get ErrUnavailable.
func (s *Store) run(ctx context.Context, name string, ops ...*op) {
	s.runJudged(ctx, s.exec, name, ops)
}

// accept does what run does, for writes that are acknowledged to a sender. An op
// succeeds only when Config.Replicas have everything that its server had executed
// before and with the op. Each op must write, even if its work turns out to be done
// already. The reason is that WAIT answers for the last write of its connection, and
// means nothing if there was none.
func (s *Store) accept(ctx context.Context, name string, ops ...*op) {
	by := s.exec
	if s.writers != nil {
		by = s.writers.exec
	}
	s.runJudged(ctx, by, name, ops)
}

// runJudged does what runBy does. If the context has a pass that was not judged yet, the
// store judges it: see WithPass.
func (s *Store) runJudged(ctx context.Context, by execFunc, name string, ops []*op) {
	p, _ := ctx.Value(passKey{}).(*judgedPass)
	if p == nil || len(ops) == 0 {
		s.runBy(ctx, by, name, ops)
		return
	}
	done := false
	err := p.judge(func(o *op) {
		if done = onlyRead(ops); done {
			s.runBy(ctx, by, name, append(ops[:len(ops):len(ops)], o))
		} else {
			s.runBy(ctx, s.exec, "token", []*op{o})
		}
		s.noteRefused(p.User, o)
	})
	switch {
	case err != nil:
		fail(ops, err)
	case !done:
		s.runBy(ctx, by, name, ops)
	}
}

func onlyRead(ops []*op) bool {
	for _, o := range ops {
		if o.write {
			return false
		}
	}
	return true
}
