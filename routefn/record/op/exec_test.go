package op

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/cim-go/cim/routefn/record/storetest"
)

// A slow store is not sent more than it can answer in time. Executed operations count,
// and the others are reported as not sent.
func TestPipelineIsBoundedAndASlowStoreAnswersInPart(t *testing.T) {
	d := dial(t, at(storetest.Server.URL()))
	storetest.Flush(t, d.Topology)
	ops := make([]*Op, 3*MaxPipeline+1)
	for i := range ops {
		ops[i] = push(fmt.Sprint(i), "x")
	}
	var sizes []int
	slow := func(ctx context.Context, client *redis.Client, ops []*Op) {
		if sizes = append(sizes, len(ops)); len(sizes) == 2 {
			d.patience = 0 // as if the first pipeline had taken too long
		}
		d.exec(ctx, client, ops)
	}
	d.runBy(t.Context(), slow, "append", ops)
	if !slices.Equal(sizes, []int{MaxPipeline, MaxPipeline}) {
		t.Errorf("pipelines of %v", sizes)
	}
	for i, o := range ops {
		if done := i < 2*MaxPipeline; done != (o.Err == nil) || !done && !errors.Is(o.Err, ErrUnavailable) {
			t.Fatalf("op %d: %v", i, o.Err)
		}
	}
}

// verdict is a guard that asks the store for something and then says err.
type verdict struct {
	err   error
	asked *Op
}

func (v *verdict) Judge(run func(*Op)) error {
	v.asked = Read("cim:{b}:l", []any{"llen", "cim:{b}:l"})
	run(v.asked)
	return v.err
}

// An op that only reads goes with the guard's op. An op that writes comes after it.
func TestGuardDecidesBeforeAnythingIsWritten(t *testing.T) {
	no := errors.New("no")
	storetest.Each(t, func(t *testing.T, url string) {
		cfg := at(url)
		cfg.AllowEmbedded = true
		d := dial(t, cfg)
		storetest.Flush(t, d.Topology)
		for name, v := range map[string]*verdict{"refused": {err: no}, "allowed": {}} {
			ctx := WithGuard(t.Context(), v)
			o, look := push(name, "x"), Read("cim:{c}:l", []any{"llen", "cim:{c}:l"})
			d.Run(ctx, "append", o)
			if !errors.Is(o.Err, v.err) || v.asked.Err != nil || v.asked.Reply == nil {
				t.Errorf("%s: a write says %v, the guard got %v, %v", name, o.Err, v.asked.Reply, v.asked.Err)
			}
			if d.Run(ctx, "pull", look); !errors.Is(look.Err, v.err) {
				t.Errorf("%s: a read says %v", name, look.Err)
			}
			if err := d.Judge(ctx); !errors.Is(err, v.err) {
				t.Errorf("%s: judging says %v", name, err)
			}
		}
		if got := len(values(t, d, "refused")) + 10*len(values(t, d, "allowed")); got != 10 {
			t.Errorf("%d values were written", got)
		}
	})
}

// A transaction may be sent many times with other keys and values. Each answer is that of
// its own time, also behind one that the store refused.
func TestTransactionIsUsedAgain(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		cfg := at(url)
		cfg.AllowEmbedded = true
		d := dial(t, cfg)
		storetest.Flush(t, d.Topology)
		o := Write("", []any{"rpush", "", ""}, []any{"lindex", "", 0})
		send := func(key, value string) {
			key = "cim:{" + key + "}:l"
			o.Steps[0][1], o.Steps[0][2], o.Steps[1][1] = key, value, key
			o.Reuse(key)
			d.Run(t.Context(), "append", o)
		}
		for _, tt := range []struct {
			key, value, first string
			length            int64
		}{{"b", "x", "x", 1}, {"c", "y", "y", 1}, {"b", "z", "x", 2}} {
			d.Run(t.Context(), "append", Write("cim:{d}:l", []any{"set", "cim:{d}:l", "no list"}))
			if send("d", "v"); o.Err == nil {
				t.Errorf("the store takes a push to no list: %v", o.Reply)
			}
			send(tt.key, tt.value)
			if o.Err != nil || Integer(o.Reply[0]) != tt.length || Text(o.Reply[1]) != tt.first || !o.Write {
				t.Errorf("%s to %s: %v, %v, want %d and %s", tt.value, tt.key, o.Reply, o.Err, tt.length, tt.first)
			}
		}
		n := testing.AllocsPerRun(100, func() { send("b", "x") })
		fresh := testing.AllocsPerRun(100, func() { o.cmds = nil; send("b", "x") })
		if n >= fresh && url != storetest.Embedded.URL() { // the embedded store allocates in this process, too
			t.Errorf("a used one allocates %v times, a new one %v, want fewer", n, fresh)
		}
	})
}
