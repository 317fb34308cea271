package helptext

import (
	"fmt"
	"strings"
)

// device stands in a command line for what names a library or drive: a number,
// or the word library or drive.
const device = "@"

// lines are the command lines of a program, with device in front of those that
// are for a device.
func (p Program) lines() []string {
	var all []string
	for _, g := range p.Groups {
		front := ""
		switch g.Title {
		case "For a library", "To change a library", "For a drive", "For both":
			front = device + " "
		}
		for _, c := range g.Commands {
			all = append(all, front+strings.Join(c.Usage, " "))
		}
	}
	return all
}

// quoted is a text in single quotes, as all three shells have them.
func quoted(s string) string {
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// names are the options as they are typed.
func (o Option) names() []string {
	if o.Short == "" {
		return []string{"--" + o.Long}
	}
	return []string{"-" + o.Short, "--" + o.Long}
}

// withValue lists the options that want what: a FILE, a DIR, or with another
// name anything else.
func (p Program) withValue(want func(value string) bool) []string {
	var all []string
	for _, o := range p.Options {
		if o.Value != "" && want(o.Value) {
			all = append(all, o.names()...)
		}
	}
	return all
}

func isFile(value string) bool { return value == "FILE" }
func isDir(value string) bool  { return value == "DIR" }
func isOther(value string) bool {
	return !isFile(value) && !isDir(value)
}

// bashCase is a branch for options; nothing when there are none.
func bashCase(options []string, do string) string {
	if len(options) == 0 {
		return ""
	}
	return "\t" + strings.Join(options, " | ") + ") " + do + " ;;\n"
}

// Bash is the completion for bash(1).
func (p Program) Bash() string {
	var names []string
	for _, o := range p.Options {
		names = append(names, o.names()...)
	}
	all := append(p.withValue(isFile), append(p.withValue(isDir), p.withValue(isOther)...)...)
	skip := strings.Join(all, " | ")
	if skip == "" {
		skip = "--"
	}
	return fmt.Sprintf(`# bash completion for %[1]s, made of its --help by 'make golden'.

_vtl_%[2]s() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
	COMPREPLY=()
	case $prev in
%[3]s%[4]s%[5]s	esac
	if [[ $cur == -* ]]; then
		COMPREPLY=($(compgen -W %[6]s -- "$cur"))
		return
	fi
	local typed=() i word usage token
	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		%[7]s) ((i++)) ;;
		-*) ;;
		*) typed+=("${COMP_WORDS[i],,}") ;;
		esac
	done
	local next=()
	while read -r usage; do
		set -f
		set -- $usage
		set +f
		for word in "${typed[@]}"; do
			token=${1-} && token=${token#[} && token=${token%%]}
			shift || continue 2
			case $token in
			@) [[ $word =~ ^([0-9]+|library|drive)$ ]] || continue 2 ;;
			*...) set -- "$token" ;;
			"${token^^}") ;;
			*) [[ "|${token,,}|" == *"|$word|"* ]] || continue 2 ;;
			esac
		done
		token=${1-} && token=${token#[} && token=${token%%]}
		case $token in
		@) next+=(library drive) ;;
		'' | "${token^^}" | *...) ;;
		*) next+=(${token//|/ }) ;;
		esac
	done <<'USAGES'
%[8]s
USAGES
	COMPREPLY=($(compgen -W "${next[*]}" -- "$cur"))
}
complete -o default -F _vtl_%[2]s %[1]s
`, p.Name, p.function(),
		bashCase(p.withValue(isFile), `COMPREPLY=($(compgen -f -- "$cur")) && return`),
		bashCase(p.withValue(isDir), `COMPREPLY=($(compgen -d -- "$cur")) && return`),
		bashCase(p.withValue(isOther), "return"),
		quoted(strings.Join(names, " ")), skip, strings.Join(p.lines(), "\n"))
}

// function is the program's name as part of one of a shell's function.
func (p Program) function() string { return strings.ReplaceAll(p.Name, "-", "_") }

// Zsh is the completion for zsh(1).
func (p Program) Zsh() string {
	var b strings.Builder
	fmt.Fprintf(&b, "#compdef %s\n# zsh completion for %s, made of its --help by 'make golden'.\n\n", p.Name, p.Name)
	fmt.Fprintf(&b, `_vtl_%s_words() {
	local usage word token
	local -a tokens next
	for usage in ${(f)usages}; do
		tokens=(${=usage})
		for word in ${words[1,CURRENT-1]}; do
			(( $#tokens )) || continue 2
			token=${${tokens[1]#\[}%%\]}
			shift tokens
			if [[ $token == @ ]]; then
				[[ $word == (<->|library|drive) ]] || continue 2
			elif [[ $token == *... ]]; then
				tokens=($token)
			elif [[ $token != ${(U)token} ]]; then
				[[ "|${(L)token}|" == *"|${(L)word}|"* ]] || continue 2
			fi
		done
		token=${${tokens[1]#\[}%%\]}
		if [[ $token == @ ]]; then
			next+=(library drive)
		elif [[ $token != *... && $token != ${(U)token} ]]; then
			next+=(${(s:|:)token})
		fi
	done
	(( $#next )) && compadd -M 'm:{a-zA-Z}={A-Za-z}' -- $next || _files
}

local usages=%s
_arguments -S \
`, p.function(), quoted(strings.Join(p.lines(), "\n")))
	for _, o := range p.Options {
		help := strings.NewReplacer("[", "(", "]", ")", ":", " -").Replace(o.Help)
		value := ""
		switch {
		case isFile(o.Value):
			value = ":FILE:_files"
		case isDir(o.Value):
			value = ":DIR:_files -/"
		case o.Value != "":
			value = ":" + o.Value + ": "
		}
		for _, name := range o.names() {
			fmt.Fprintf(&b, "\t%s \\\n", quoted(name+"["+help+"]"+value))
		}
	}
	fmt.Fprintf(&b, "\t'*::command:_vtl_%s_words'\n", p.function())
	return b.String()
}

// Fish is the completion for fish(1).
func (p Program) Fish() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# fish completion for %s, made of its --help by 'make golden'.\n\n", p.Name)
	for _, o := range p.Options {
		fmt.Fprintf(&b, "complete -c %s -l %s", p.Name, o.Long)
		if o.Short != "" {
			b.WriteString(" -s " + o.Short)
		}
		switch {
		case isFile(o.Value):
			b.WriteString(" -r -F")
		case isDir(o.Value):
			b.WriteString(" -x -a '(__fish_complete_directories)'")
		case o.Value != "":
			b.WriteString(" -x")
		}
		fmt.Fprintf(&b, " -d %s\n", quoted(o.Help))
	}
	lines := p.lines()
	if len(lines) == 0 {
		return b.String()
	}
	values := p.withValue(func(string) bool { return true })
	noFiles := "" // where devices are named, files are not
	if strings.Contains(strings.Join(lines, " "), device) {
		noFiles = " -f"
	}
	fmt.Fprintf(&b, `
function __vtl_%[1]s_words
	set -l typed
	set -l skip 0
	for word in (commandline -opc)[2..-1]
		if test $skip = 1
			set skip 0
		else if contains -- $word %[2]s
			set skip 1
		else if not string match -q -- '-*' $word
			set -a typed (string lower -- $word)
		end
	end
	for usage in %[3]s
		set -l tokens (string split ' ' -- $usage)
		set -l fits 1
		for word in $typed
			if test (count $tokens) = 0
				set fits 0
				break
			end
			set -l token (string trim -c '[]' -- $tokens[1])
			set -e tokens[1]
			if test $token = @
				string match -qr '^([0-9]+|library|drive)$' -- $word; or set fits 0
			else if string match -q '*...' -- $token
				set tokens $token
			else if test $token != (string upper -- $token)
				contains -- $word (string split '|' -- (string lower -- $token)); or set fits 0
			end
			test $fits = 1; or break
		end
		if test $fits = 1 -a (count $tokens) != 0
			set -l token (string trim -c '[]' -- $tokens[1])
			if test $token = @
				printf '%%s\n' library drive
			else if not string match -q '*...' -- $token; and test $token != (string upper -- $token)
				string split '|' -- $token
			end
		end
	end
end
complete -c %[4]s%[5]s -a '(__vtl_%[1]s_words)'
`, p.function(), strings.Join(values, " "), quotedList(lines), p.Name, noFiles)
	return b.String()
}

// quotedList is texts in quotes, one after the other.
func quotedList(list []string) string {
	all := make([]string, len(list))
	for i, s := range list {
		all[i] = quoted(s)
	}
	return strings.Join(all, " \\\n\t\t")
}
