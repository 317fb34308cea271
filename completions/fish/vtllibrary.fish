# fish completion for vtllibrary, made of its --help by 'make golden'.

complete -c vtllibrary -l config -r -F -d 'configuration FILE'
complete -c vtllibrary -l queue -s q -x -d 'library NUMBER, in place of the argument (default -1)'
complete -c vtllibrary -l state -x -a '(__fish_complete_directories)' -d 'DIR for cartridges, inventory and sockets'
complete -c vtllibrary -l verbose -x -d 'log LEVEL: 0 warnings, 1 state changes, 2 debug, 3 everything (default 1)'
complete -c vtllibrary -l version -d 'print the version and exit'
