# fish completion for vtloptical, made of its --help by 'make golden'.

complete -c vtloptical -l config -r -F -d 'configuration FILE'
complete -c vtloptical -l queue -s q -x -d 'drive NUMBER, in place of the argument (default -1)'
complete -c vtloptical -l state -x -a '(__fish_complete_directories)' -d 'DIR for cartridges, inventory and sockets'
complete -c vtloptical -l verbose -x -d 'log LEVEL: 0 warnings, 1 state changes, 2 debug, 3 everything (default 1)'
complete -c vtloptical -l version -d 'print the version and exit'
