package main

import (
	"bytes"
	"cmp"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"govtl/bus"
)

// removed stands where a secret was.
const removed = "(removed)"

// shortest is the length below which a text is not taken for a secret: to remove
// it everywhere would remove too much. shortestCHAP is that of CHAP secrets
// (RFC 7143 9.2.1).
const (
	shortest     = 4
	shortestCHAP = 12
)

// scrubber removes secrets from texts: those that it knows, wherever they stand,
// and what looks like one.
type scrubber struct {
	known []string
	shape []*regexp.Regexp // with two groups: what stays before and after
}

// newScrubber knows the secrets of a suite, as far as we may read them. What we
// may not read cannot get into a bundle either.
func newScrubber(a *app) *scrubber {
	s := &scrubber{shape: []*regexp.Regexp{
		regexp.MustCompile(`([a-z][a-z0-9+.-]*://)[^\s"'<>]*(@)`),
		regexp.MustCompile(`(?i)((?:password|passwd|passphrase|secret|token|api-?key)["']?\s*[:=]\s*["'])[^"'\n]*(["'])`),
		regexp.MustCompile(`(?i)((?:password|passwd|passphrase|secret|token|api-?key)["']?\s*[:=]\s*)[^\s"'][^\n,}]*()`),
		regexp.MustCompile(`(-----BEGIN [^\n]*-----)[^-]*(-----END)`),
	}}
	if access, err := bus.ReadAccess(a.paths.Run); err == nil {
		s.add(access.Secret)
	}
	if a.suite == nil {
		return s
	}
	if u, err := url.Parse(a.suite.Bus.URL); err == nil && u.User != nil {
		password, _ := u.User.Password()
		s.add(password, url.QueryEscape(password), url.PathEscape(password))
		if _, encoded, ok := strings.Cut(u.User.String(), ":"); ok {
			s.add(encoded)
		}
	}
	if data, err := readSome(a.suite.ISCSI.Secrets); err == nil {
		s.chap(string(data))
	}
	if data, err := readSome(a.suite.Bus.Credentials); err == nil {
		s.credentials(string(data))
	}
	return s
}

// chap adds what is in a file of CHAP secrets, lines such as
// "initiator NAME SECRET", also when they are commented out.
func (s *scrubber) chap(text string) {
	for line := range strings.Lines(text) {
		words := strings.Fields(strings.TrimLeft(line, "# \t"))
		if len(words) < 3 || words[0] != "initiator" && words[0] != "target" {
			continue
		}
		if strings.HasPrefix(strings.TrimSpace(line), "#") && len(words[2]) < shortestCHAP {
			continue // prose
		}
		s.add(words[2])
		if digits, ok := strings.CutPrefix(words[2], "0x"); ok {
			if raw, err := hex.DecodeString(digits); err == nil {
				s.add(digits, string(raw))
			}
		}
	}
}

// credentials adds the tokens and seeds in a credentials file of NATS: the long
// lines that are one word.
func (s *scrubber) credentials(text string) {
	for line := range strings.Lines(text) {
		if words := strings.Fields(line); len(words) == 1 && len(words[0]) >= 16 && !strings.HasPrefix(words[0], "***") {
			s.add(words[0])
		}
	}
}

// add makes texts known, as they are and as JSON has them.
func (s *scrubber) add(secrets ...string) {
	for _, text := range secrets {
		if len(text) < shortest || strings.HasPrefix(text, "-----") {
			continue
		}
		s.known = append(s.known, text)
		for _, html := range []bool{false, true} {
			var b bytes.Buffer
			enc := json.NewEncoder(&b)
			enc.SetEscapeHTML(html)
			if enc.Encode(text) == nil {
				s.known = append(s.known, strings.Trim(strings.TrimSpace(b.String()), `"`))
			}
		}
	}
	slices.SortFunc(s.known, func(a, b string) int { return cmp.Or(cmp.Compare(len(b), len(a)), strings.Compare(a, b)) })
	s.known = slices.Compact(s.known)
}

// text returns a text without secrets.
func (s *scrubber) text(text string) string {
	if s == nil {
		return text
	}
	for _, known := range s.known { // the longest first
		text = strings.ReplaceAll(text, known, removed)
	}
	for _, shape := range s.shape {
		text = shape.ReplaceAllString(text, "${1}"+removed+"${2}")
	}
	return text
}
