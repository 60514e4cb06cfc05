package main

// state is a state file.
type state struct {
	Resources []struct {
		Module    string
		Mode      string // managed, or data
		Type      string
		Name      string
		Instances []struct {
			Attributes map[string]any
		}
	}
}

// made counts the resources by their module's folder; those of aws are all.
func (s state) made() map[string]int {
	n := map[string]int{}
	for _, r := range s.Resources {
		if r.Mode != "managed" {
			continue
		}
		n[root] += len(r.Instances)
		if module := moduleOf(r.Module); module != root {
			n[module] += len(r.Instances)
		}
	}
	return n
}

// each returns an attribute of all resources of a type.
func (s state) each(kind, attribute string) (all []string) {
	for _, r := range s.Resources {
		for _, instance := range r.Instances {
			if text, ok := instance.Attributes[attribute].(string); ok && r.Mode == "managed" && r.Type == kind {
				all = append(all, text)
			}
		}
	}
	return all
}

// one returns an attribute of the one resource of a type.
func (s state) one(kind, attribute string) string {
	if all := s.each(kind, attribute); len(all) == 1 {
		return all[0]
	}
	return ""
}
