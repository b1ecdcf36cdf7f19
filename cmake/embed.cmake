# hpcenv_embed(TARGET NAME FILES...): compiles files into TARGET. `base/embedded.hpp` finds each by NAME/<file name>.
function(hpcenv_embed target name)
  set(source "${CMAKE_CURRENT_BINARY_DIR}/embed/${name}.S")
  set(table "${CMAKE_CURRENT_BINARY_DIR}/embed/${name}.cpp")
  set(asm "")
  set(rows "")
  set(externs "")
  set(index 0)
  foreach(path IN LISTS ARGN)
    get_filename_component(file "${path}" NAME)
    set(symbol "hpcenv_embed_${name}_${index}")
    string(APPEND asm ".global ${symbol}\n.global ${symbol}_end\n.balign 16\n${symbol}:\n.incbin \"${path}\"\n${symbol}_end:\n.byte 0\n")
    string(APPEND externs "extern \"C\" const char ${symbol}[];\nextern \"C\" const char ${symbol}_end[];\n")
    string(APPEND rows "    {\"${name}/${file}\", ${symbol}, ${symbol}_end},\n")
    math(EXPR index "${index}+1")
  endforeach()
  file(CONFIGURE OUTPUT "${source}" CONTENT ".section .rodata\n${asm}\n.section .note.GNU-stack,\"\",@progbits\n" @ONLY)
  file(CONFIGURE OUTPUT "${table}" CONTENT
"#include \"base/embedded.hpp\"
${externs}namespace {
const hpcenv::base::EmbeddedRow rows[] = {
${rows}    {\"\", nullptr, nullptr}};
const hpcenv::base::EmbeddedTable table{rows, ${index}};
}  // namespace
extern \"C\" const hpcenv::base::EmbeddedTable* hpcenv_embedded_${name}() { return &table; }
" @ONLY)
  set_source_files_properties("${source}" PROPERTIES OBJECT_DEPENDS "${ARGN}")
  target_sources(${target} PRIVATE "${source}" "${table}")
endfunction()
