// Has the browser load at once what the first view needs, before it has read which file needs which.

const FILES = {
  api: "early gateway happenings index jobs keys reading rights stream",
  charts: "sparkline",
  frame: "connection key_entry search",
  pages: "overview",
  panels: "alarm_list alarms function_table live_list queue_table",
  parts: "clock data_table elements index links moments numbers rows status",
};

for (const [folder, names] of Object.entries(FILES)) {
  for (const name of names.split(" ")) {
    const { href } = new URL(`../${folder}/${name}.js`, import.meta.url);
    document.head.append(Object.assign(document.createElement("link"), { rel: "modulepreload", href }));
  }
}
