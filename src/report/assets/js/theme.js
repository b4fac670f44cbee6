// Light and dark: as the system says, until someone says otherwise.

const prefersDark = matchMedia("(prefers-color-scheme: dark)");
let printing = false;

const isDark = () => !printing && (state.theme ? state.theme === "dark" : prefersDark.matches);

function applyTheme() {
  if (state.theme) document.documentElement.setAttribute("data-theme", state.theme);
  else document.documentElement.removeAttribute("data-theme");
  byId("theme").textContent = isDark() ? "Light" : "Dark";
  if (!data) return;
  showLegend();
  redraw();
}

function startTheme() {
  byId("theme").addEventListener("click", () => {
    state.theme = isDark() ? "light" : "dark";
    applyTheme();
    remember();
  });
  prefersDark.addEventListener("change", applyTheme);
  // Paper is white.
  const print = (on) => {
    printing = on;
    if (data) paint();
  };
  addEventListener("beforeprint", () => print(true));
  addEventListener("afterprint", () => print(false));
}
