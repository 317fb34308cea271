package config

import (
	"fmt"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// RemoveMedia takes cartridges out of a library's media, which are in no other
// order afterwards. An entry of which nothing is left goes with its comment.
func RemoveMedia(library int, barcodes []string) Change {
	type rest struct {
		index int
		codes string // empty: the entry goes
	}
	var rests []rest
	return Change{
		suite: func(s *Suite) error {
			l, ok := s.Library(library)
			if !ok {
				return fmt.Errorf("there is no library %d", library)
			}
			gone := map[string]bool{}
			for _, b := range barcodes {
				gone[b] = true
			}
			var media []Media
			for i, m := range l.Media {
				codes, err := ExpandBarcodes(m.Barcodes)
				if err != nil {
					return err
				}
				n := len(codes)
				codes = slices.DeleteFunc(codes, func(b string) bool {
					was := gone[b]
					delete(gone, b)
					return was
				})
				if len(codes) < n {
					m.Barcodes = CompactBarcodes(codes)
					rests = append(rests, rest{i, m.Barcodes})
				}
				if len(codes) > 0 {
					media = append(media, m)
				}
			}
			for _, b := range barcodes {
				if gone[b] {
					return fmt.Errorf("there is no cartridge %s in the configuration of library %d", b, library)
				}
			}
			l.Media = media
			return nil
		},
		text: func(e *editor) error {
			for _, r := range slices.Backward(rests) {
				node, err := e.withID(e.value(e.root, "libraries"), library)
				if err != nil {
					return err
				}
				list := e.value(node, "media")
				if list == nil || list.Kind != yaml.SequenceNode || r.index >= len(list.Content) {
					return ErrByHand
				}
				if r.codes == "" {
					err = e.removeAt(list, r.index)
				} else {
					err = e.setScalar(list.Content[r.index], "barcodes", quoted(r.codes))
				}
				if err != nil {
					return err
				}
				if err := e.parse(); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

// quoted is a list of barcodes as a YAML scalar.
func quoted(codes string) string {
	if strings.ContainsAny(codes, ", %") {
		return "'" + codes + "'"
	}
	return codes
}

// CompactBarcodes is the shortest text that ExpandBarcodes turns into these
// barcodes.
func CompactBarcodes(codes []string) string {
	var b strings.Builder
	for i := 0; i < len(codes); {
		n := 1
		for i+n < len(codes) {
			r, err := expandRange(codes[i], codes[i+n])
			if err != nil || len(r) != n+1 {
				break
			}
			n++
		}
		if b.Len() > 0 {
			b.WriteString(", ")
		}
		b.WriteString(codes[i])
		if n > 1 {
			b.WriteString("-" + codes[i+n-1])
		}
		i += n
	}
	return b.String()
}
