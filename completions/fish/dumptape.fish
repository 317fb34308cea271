# fish completion for dumptape, made of its --help by 'make golden'.

complete -c dumptape -l barcode -s m -x -d 'BARCODE of the cartridge'
complete -c dumptape -l library -s l -x -d 'LIBRARY it is in'
complete -c dumptape -l verbose -s v -d 'list: a line for each object, and the cartridge memory'
complete -c dumptape -l json -d 'list, mam, verify: print JSON'
complete -c dumptape -l partition -s p -x -d 'PARTITION for mam, extract and import'
complete -c dumptape -l output -s o -r -F -d 'extract: FILE for the one of --file; -: standard output'
complete -c dumptape -l file -x -d 'extract: only tape file N, counted from 0 (default -1)'
complete -c dumptape -l block -s b -x -d 'import: block size in BYTES (default 262144)'
complete -c dumptape -l codec -s c -x -d 'import: compress by CODEC: none, lz4, s2, zstd (default "s2")'
complete -c dumptape -l dir -s H -x -a '(__fish_complete_directories)' -d 'restore: DIR that the cartridge is made in'
complete -c dumptape -l mhvtl -x -a '(__fish_complete_directories)' -d 'import-mhvtl: DIR of mhVTL'\''s configuration (default /etc/mhvtl)'
complete -c dumptape -l density -s d -x -d 'import-mhvtl: take them for MEDIUM, whatever they say'
complete -c dumptape -l dirty -d 'import-mhvtl: take cartridges that were not unloaded properly'
complete -c dumptape -l partial -d 'import-mhvtl: of damaged ones take what is before the damage'
complete -c dumptape -l progress -d 'print progress also when standard error is no terminal'
complete -c dumptape -l config -r -F -d 'configuration FILE'
complete -c dumptape -l state -x -a '(__fish_complete_directories)' -d 'state DIR of the suite'
complete -c dumptape -l version -s V -d 'print the version and exit'

function __vtl_dumptape_words
	set -l typed
	set -l skip 0
	for word in (commandline -opc)[2..-1]
		if test $skip = 1
			set skip 0
		else if contains -- $word -m --barcode -l --library -p --partition -o --output --file -b --block -c --codec -H --dir --mhvtl -d --density --config --state
			set skip 1
		else if not string match -q -- '-*' $word
			set -a typed (string lower -- $word)
		end
	end
	for usage in 'list' \
		'mam [ID=VALUE...]' \
		'verify' \
		'repair' \
		'extract [DIR]' \
		'import FILE...' \
		'export FILE' \
		'restore ARCHIVE' \
		'image FILE' \
		'protect on|off' \
		'import-mhvtl [SOURCE...]'
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
				printf '%s\n' library drive
			else if not string match -q '*...' -- $token; and test $token != (string upper -- $token)
				string split '|' -- $token
			end
		end
	end
end
complete -c dumptape -a '(__vtl_dumptape_words)'
