package record

import (
	"context"
	"fmt"
	"slices"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/record/op"
)

// changeChunk bounds a pipeline of ChangeGroups. A change takes some 20 us, so other
// callers wait for 10 ms at most.
const changeChunk = 500

// ChangeGroups makes users join or leave groups, and returns one Changed per change. A
// call must not have two changes of the same user and group.
//
// A user and a group are in different slots, so a change takes several scripts:
//
//	slot of the user                      slot of the group
//
//	1  intend.lua writes the intent  ───► 2  change.lua decides who belongs
//	                                         and appends the entry
//	                                              │           │
//	3  settle.lua updates the list   ◄────────────┘           │ no member is left
//	   of groups, removes the intent                          ▼
//	                                      4  sweep.lua deletes the group
//	                                         a minute later
//
// If a process dies in between, the intent stays. The next change of this user and group
// finds it in step 1, and OpenSessions finds it by open.lua. Both carry out the intent
// before anything else. Each step names the intent's version, so a step that runs late or
// twice changes nothing.
func (s *Store) ChangeGroups(ctx context.Context, changes []Change) []Changed {
	answers := make([]Changed, 0, len(changes))
	for chunk := range slices.Chunk(changes, changeChunk) {
		answers = append(answers, s.changeChunk(ctx, chunk)...)
	}
	return answers
}

func (s *Store) changeChunk(ctx context.Context, changes []Change) []Changed {
	answers := make([]Changed, len(changes))
	todo := make([]int, 0, len(changes))
	for i, c := range changes {
		answers[i] = Changed{User: c.User, Group: c.Group, Err: c.check()}
		if answers[i].Err == nil {
			todo = append(todo, i)
		}
	}
	todo = s.permitted(ctx, changes, answers, todo)
	blocked := s.change(ctx, changes, answers, todo)
	s.change(ctx, changes, answers, blocked)
	for i := range answers {
		if err := answers[i].Err; err != nil {
			answers[i].Err = fmt.Errorf("change membership of %d in group %d: %w", changes[i].User, changes[i].Group, err)
		}
	}
	return answers
}

func (c Change) check() error {
	if c.User <= 0 || c.Group <= proto.Everyone {
		return fmt.Errorf("%w: user %d, group %d", ErrInvalid, c.User, c.Group)
	}
	return op.CheckNames(c.Name)
}

// permitted returns those indices of todo whose changes may be tried. It puts an error
// for each other change into answers. So a refused change writes no intent. Roles may
// change before a permitted change is carried out. Therefore finish checks them again.
func (s *Store) permitted(ctx context.Context, changes []Change, answers []Changed, todo []int) []int {
	list := make([]Change, len(todo))
	for j, i := range todo {
		list[j] = changes[i]
	}
	var may []int
	for j, v := range s.judge(ctx, list) {
		if answers[todo[j]].Err = v.err; v.err == nil {
			may = append(may, todo[j])
		}
	}
	return may
}

// change carries out the changes whose indices are in todo. If another intent had to be
// carried out before a change, that change is not tried. The result blocked has the
// indices of such changes, and the caller tries them again.
func (s *Store) change(ctx context.Context, changes []Change, answers []Changed, todo []int) (blocked []int) {
	if len(todo) == 0 {
		return nil
	}
	intents := s.intend(ctx, changes, answers, todo)
	finished := s.finish(ctx, intents)
	for j, in := range intents {
		i := in.of
		switch earlier := answers[i].Earlier; {
		case in.does(changes[i]):
			answers[i] = finished[j]
			answers[i].Earlier = earlier
		case (finished[j].Err == nil || declined(finished[j].Err)) && earlier == nil:
			answers[i].Earlier = &finished[j]
			blocked = append(blocked, i)
		default: // concurrent changes of the same membership keep winning
			answers[i].Err = fmt.Errorf("another change goes first: %w", ErrUnavailable)
		}
	}
	return blocked
}
