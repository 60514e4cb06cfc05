package record

import "context"

// run executes ops, in pipelines of at most maxPipeline ops per server, on all servers
// at once. It blocks until all are answered or ctx ends. On one server they are
// executed in order. Each op then has its reply or its error. After a failed pipeline,
// or half of Config.ReadTimeout, a server gets no further one. The ops that were not
// sent are ErrUnavailable.
func (s *Store) run(ctx context.Context, name string, ops ...*op) {
	s.runJudged(ctx, s.exec, name, ops)
}

// accept does what run does, for writes that are acknowledged to a sender. With
// Config.Replicas, an op succeeds only when that many replicas have all that its
// server had executed until then. Each op must write, even if its work turns out to be
// done already. This is so because WAIT answers for the last write of the connection,
// and means nothing if there was none.
func (s *Store) accept(ctx context.Context, name string, ops ...*op) {
	by := s.exec
	if s.writers != nil {
		by = s.writers.exec
	}
	s.runJudged(ctx, by, name, ops)
}

// runJudged does what runBy does for a call whose context may have a pass.
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
