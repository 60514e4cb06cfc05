package redistest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// keyPause is the pause after each key that is moved. So requests find slots of which
// only some keys have moved.
const keyPause = 30 * time.Millisecond

// MoveSlots moves those slots of one master that hold keys to another master, until all
// are moved or ctx ends. It moves one slot after the other, key by key. When ctx ends, it
// still finishes the present slot. The parameter number chooses the two masters.
// MoveSlots returns how many slots it has moved.
func (c *Cluster) MoveSlots(ctx context.Context, number int) (moved int, err error) {
	masters, err := c.Masters(ctx)
	if err != nil {
		return 0, err
	}
	if len(masters) < 2 {
		return 0, errors.New("move slots: there is one master")
	}
	from, to := number%len(masters), (number+1)%len(masters)
	m := &mover{from: clientOf(masters[from]), to: clientOf(masters[to]), all: masters}
	defer m.from.Close()
	defer m.to.Close()
	whole := context.WithoutCancel(ctx)
	if err := m.identify(whole); err != nil {
		return 0, fmt.Errorf("move slots: %w", err)
	}
	held, err := m.held(whole)
	if err != nil {
		return 0, fmt.Errorf("move slots: %w", err)
	}
	for _, slot := range held {
		if ctx.Err() != nil {
			break
		}
		if err := m.move(whole, slot); err != nil {
			return moved, fmt.Errorf("move slot %d: %w", slot, err)
		}
		moved++
	}
	return moved, nil
}

// mover moves slots from one master to another.
type mover struct {
	from, to     *redis.Client
	fromID, toID string
	all          []*Server
}

func clientOf(s *Server) *redis.Client {
	return redis.NewClient(&redis.Options{Addr: s.addr, Password: s.password, TLSConfig: s.tls.client(), MaxRetries: -1, Protocol: 2, DisableIdentity: true})
}

func (m *mover) identify(ctx context.Context) (err error) {
	if m.fromID, err = m.from.Do(ctx, "cluster", "myid").Text(); err != nil {
		return err
	}
	m.toID, err = m.to.Do(ctx, "cluster", "myid").Text()
	return err
}

// held returns those slots of the old master that hold keys.
func (m *mover) held(ctx context.Context) ([]int, error) {
	nodes, err := m.from.ClusterNodes(ctx).Result()
	if err != nil {
		return nil, err
	}
	pipe := m.from.Pipeline()
	counts := make(map[int]*redis.IntCmd)
	var own []int
	for line := range strings.Lines(nodes) {
		words := strings.Fields(line)
		if len(words) < 8 || words[0] != m.fromID {
			continue
		}
		for _, r := range words[8:] {
			first, last, found := strings.Cut(r, "-")
			if !found {
				last = first
			}
			a, errA := strconv.Atoi(first)
			b, errB := strconv.Atoi(last)
			for slot := a; errA == nil && errB == nil && slot <= b; slot++ { // a slot that is being moved has another format here, and is skipped
				own = append(own, slot)
				counts[slot] = pipe.ClusterCountKeysInSlot(ctx, slot)
			}
		}
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, err
	}
	var held []int
	for _, slot := range own {
		if counts[slot].Val() > 0 {
			held = append(held, slot)
		}
	}
	return held, nil
}

func (m *mover) move(ctx context.Context, slot int) error {
	if err := m.to.Do(ctx, "cluster", "setslot", slot, "importing", m.fromID).Err(); err != nil {
		return err
	}
	if err := m.from.Do(ctx, "cluster", "setslot", slot, "migrating", m.toID).Err(); err != nil {
		return err
	}
	host, port, err := net.SplitHostPort(m.to.Options().Addr)
	if err != nil {
		return err
	}
	for {
		keys, err := m.from.ClusterGetKeysInSlot(ctx, slot, 1).Result()
		if err != nil {
			return err
		}
		if len(keys) == 0 {
			break
		}
		migrate := []any{"migrate", host, port, keys[0], 0, (5 * time.Second).Milliseconds()}
		if password := m.to.Options().Password; password != "" {
			migrate = append(migrate, "auth", password)
		}
		if err := m.from.Do(ctx, migrate...).Err(); err != nil {
			return err
		}
		time.Sleep(keyPause)
	}
	// The new master must get the command first. Otherwise the old one may give up the
	// slot before the new one takes it. The other masters would learn of the move even
	// without the command.
	if err := m.to.Do(ctx, "cluster", "setslot", slot, "node", m.toID).Err(); err != nil {
		return err
	}
	for _, s := range m.all {
		if err := s.ask(ctx, "cluster", "setslot", slot, "node", m.toID).Err(); err != nil {
			return err
		}
	}
	return nil
}
