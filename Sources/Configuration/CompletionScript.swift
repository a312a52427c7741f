/// The shells that have a completion.
enum CompletionScript: String, CaseIterable {
    case bash, zsh, fish

    /// The script that a shell reads. `PROGRAM __complete WORD...` does the work.
    func text(for program: String) -> String {
        let function = "_" + program.map { $0.isLetter || $0.isNumber ? String($0) : "_" }.joined()
        return switch self {
        case .bash: Self.bash(program, function)
        case .zsh: Self.zsh(program, function)
        case .fish: Self.fish(program, "_" + function)
        }
    }

    private static func bash(_ program: String, _ function: String) -> String {
        #"""
        # Completion of \#(program) for bash: source <(\#(program) completion bash)
        \#(function)() {
            local cur=${COMP_WORDS[COMP_CWORD]} words=("${COMP_WORDS[@]:1:COMP_CWORD}") line
            # bash splits -flag=value at the equals sign.
            if ((COMP_CWORD >= 2)) && [[ $cur == '=' ]]; then
                words=("${COMP_WORDS[@]:1:COMP_CWORD-2}" "${COMP_WORDS[COMP_CWORD - 1]}=")
                cur=
            elif ((COMP_CWORD >= 3)) && [[ ${COMP_WORDS[COMP_CWORD - 1]} == '=' ]]; then
                words=("${COMP_WORDS[@]:1:COMP_CWORD-3}" "${COMP_WORDS[COMP_CWORD - 2]}=$cur")
            fi
            COMPREPLY=()
            while IFS= read -r line; do
                case $line in
                :4) ;;
                :0) compopt -o default 2>/dev/null ;;
                *)
                    line=${line%%$'\t'*}
                    if [[ ${words[-1]} == -*=* ]]; then line=${line#*=}; fi
                    COMPREPLY+=("$line")
                    ;;
                esac
            done < <("${COMP_WORDS[0]}" __complete "${words[@]}" 2>/dev/null)
        }
        complete -F \#(function) \#(program)

        """#
    }

    private static func zsh(_ program: String, _ function: String) -> String {
        #"""
        #compdef \#(program)
        # Completion of \#(program) for zsh: source <(\#(program) completion zsh)
        \#(function)() {
            local line files=''
            local -a candidates
            while IFS= read -r line; do
                case $line in
                :4) ;;
                :0) files=yes ;;
                *) candidates+=("${line/$'\t'/:}") ;;
                esac
            done < <("${words[1]}" __complete "${(@)words[2,CURRENT]}" 2>/dev/null)
            (($#candidates)) && _describe -o '\#(program)' candidates
            if [[ -n $files ]]; then
                [[ $PREFIX == -*=* ]] && compset -P '*='
                _files
            fi
        }
        if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
            \#(function) "$@"
        else
            compdef \#(function) \#(program)
        fi

        """#
    }

    private static func fish(_ program: String, _ function: String) -> String {
        #"""
        # Completion of \#(program) for fish: \#(program) completion fish | source
        function \#(function)
            set -l words (commandline -opc) (commandline -ct)
            for line in ($words[1] __complete $words[2..-1] 2>/dev/null)
                switch $line
                    case ':4'
                    case ':0'
                        __fish_complete_path (string replace -r -- '^-[^=]*=' '' (commandline -ct))
                    case '*'
                        echo $line
                end
            end
        end
        complete -c \#(program) -f -a '(\#(function))'

        """#
    }
}
