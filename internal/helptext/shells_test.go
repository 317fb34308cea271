//go:build e2e

package helptext

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// typedWords are commands as far as they are typed, and what a shell is to offer.
var typedWords = []struct{ typed, want string }{
	{"vtlcmd stat", "status"},
	{"vtlcmd library op", "open"},
	{"vtlcmd library open ", "map"},
	{"vtlcmd 10 list ", "map"},
	{"vtlcmd 11 append only y", "yes"},
	{"vtlcmd --jso", "--json"},
	{"mktape --den", "--density"},
	{"dumptape ver", "verify"},
}

// TestFish asks fish what it completes with the files of completions/fish.
func TestFish(t *testing.T) {
	files, err := filepath.Abs(filepath.Join(root, "completions/fish"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range typedWords {
		cmd := exec.Command("fish", "--no-config", "-c", "for f in "+files+"/*.fish; source $f; end; complete -C '"+c.typed+"'")
		cmd.Env = append(os.Environ(), "HOME="+t.TempDir())
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		var offered []string
		for line := range strings.Lines(string(out)) {
			word, _, _ := strings.Cut(strings.TrimSpace(line), "\t")
			offered = append(offered, word)
		}
		if !slices.Contains(offered, c.want) {
			t.Errorf("%q: fish offers %q, not %s", c.typed, offered, c.want)
		}
	}
}

// zshAsks types a line into a zsh with completions, presses Tab, and prints what
// the line has become.
const zshAsks = `
zmodload zsh/zpty
zpty shell 'PS1= HOME=%s zsh -f -i'
zpty -w shell 'unsetopt zle_bracketed_paste; PS1=; fpath=(%s $fpath); autoload -Uz compinit && compinit -u -D; setopt no_list_beep; bindkey "^I" complete-word; show() { print -r -- "<<$BUFFER>>"; BUFFER=; zle accept-line }; zle -N show; bindkey "^X" show; print ready'
zpty -r -m shell line '*ready*ready*'
zpty -w -n shell $'%s\t\x18'
zpty -r -m shell line '*<<*>>*'
print -r -- $line
`

// TestZsh asks zsh what it completes with the files of completions/zsh.
func TestZsh(t *testing.T) {
	files, err := filepath.Abs(filepath.Join(root, "completions/zsh"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range typedWords {
		script := zshAsks
		for _, value := range []string{t.TempDir(), files, c.typed} {
			script = strings.Replace(script, "%s", value, 1)
		}
		out, err := exec.Command("timeout", "60", "zsh", "-f", "-c", script).CombinedOutput()
		_, rest, _ := strings.Cut(string(out), "<<")
		line, _, _ := strings.Cut(rest, ">>")
		words := strings.Fields(c.typed)
		if !strings.HasSuffix(c.typed, " ") {
			words = words[:len(words)-1]
		}
		if want := strings.Join(append(words, c.want), " "); err != nil || strings.TrimSpace(line) != want {
			t.Errorf("%q became %q, want %q (%v)\n%q", c.typed, line, want, err, out)
		}
	}
}
